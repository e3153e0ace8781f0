//! The door of `sigv4`.

use pyo3::prelude::*;

/// Adds this capability's classes and functions to the extension module.
#[allow(clippy::unnecessary_wraps, reason = "every door registers in the same way")]
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
