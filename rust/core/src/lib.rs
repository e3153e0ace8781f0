//! The capabilities that need nothing but bytes: signing, header filtering, event streams.
//!
//! This crate has no interpreter, runtime, socket, clock or environment: time and randomness are
//! arguments. Each module has a pure-Python twin of the same name in `python/sagewire/_pure`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod eventstream;
pub mod headers;
pub mod sigv4;
