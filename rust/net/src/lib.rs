//! Sockets: the client's transport and the local endpoint's wire side.
//!
//! Each module has a pure-Python twin of the same name in `python/sagewire/_pure`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod reactor;
pub mod serve;
pub mod server;
pub mod transport;
