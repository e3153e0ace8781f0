//! What every door needs: when to detach, how an error crosses the border.

pub(crate) mod errors;
pub(crate) mod gil;
pub(crate) mod signals;
