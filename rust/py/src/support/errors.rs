//! How an error crosses the border: by the name of its Python class and the class's fields.
//!
//! The words are made by the class in `sagewire/exceptions.py`, so that both twins say the same.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

static EXCEPTIONS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Makes `sagewire.exceptions.<class>(**fields)`, or the error that prevented it.
pub(crate) fn raise(py: Python<'_>, class: &str, fields: &Bound<'_, PyDict>) -> PyErr {
    let made = EXCEPTIONS
        .get_or_try_init(py, || py.import("sagewire.exceptions").map(Bound::unbind))
        .and_then(|module| module.bind(py).getattr(class))
        .and_then(|class| class.call((), Some(fields)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// Makes an `InvalidArgumentError`: which argument, what was wrong, what is allowed.
pub(crate) fn invalid_argument(
    py: Python<'_>,
    argument: &str,
    problem: &str,
    allowed: &str,
) -> PyErr {
    raise_with(py, "InvalidArgumentError", |fields| {
        fields.set_item("argument", argument)?;
        fields.set_item("problem", problem)?;
        fields.set_item("allowed", allowed)
    })
}

/// Makes `sagewire.exceptions.<class>` with the fields that `fill` sets.
pub(crate) fn raise_with(
    py: Python<'_>,
    class: &str,
    fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
) -> PyErr {
    let fields = PyDict::new(py);
    match fill(&fields) {
        Ok(()) => raise(py, class, &fields),
        Err(error) => error,
    }
}
