//! What every door needs: when to detach, how an error crosses the border, who may come in.

pub(crate) mod clock;
pub(crate) mod errors;
pub(crate) mod forks;
pub(crate) mod gil;
pub(crate) mod interpreter;
pub(crate) mod signals;
