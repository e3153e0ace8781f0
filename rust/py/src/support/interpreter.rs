//! One interpreter of a process may load the extension module: the first that asks.
//!
//! Its classes, and what it keeps of Python's, are statics. A second interpreter would get the
//! first one's exceptions, and nothing but ruins once the first one has ended.

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The `sys` module of the interpreter that came first: every interpreter has its own.
static HOME: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Raises `ImportError` in every interpreter but the first.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    if HOME.get_or_init(py, || sys.clone().unbind()).is(&sys) {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "sagewire's native implementation serves one interpreter of a process, and another one \
         has it; the pure one serves any number: set SAGEWIRE_PURE=1",
    ))
}
