//! `sagewire._native._ext`: a table of contents. Every capability registers itself in its own file.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod eventstream;
mod headers;
mod reactor;
mod serve;
mod server;
mod sigv4;
mod support;
mod transport;

use pyo3::prelude::*;

/// The extension module.
#[pymodule(gil_used = false)]
fn _ext(module: &Bound<'_, PyModule>) -> PyResult<()> {
    support::interpreter::claim(module.py())?;
    support::forks::watch(module)?;
    sigv4::register(module)?;
    headers::register(module)?;
    transport::register(module)?;
    bodies::register(module)?;
    eventstream::register(module)?;
    reactor::register(module)?;
    server::register(module)?;
    serve::register(module)
}
