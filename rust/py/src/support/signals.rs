//! Signals that arrive while a thread waits, detached from the interpreter.

use std::cell::RefCell;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

thread_local! {
    /// What a signal's handler raised, on its way to the caller.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Runs the handlers of pending signals; whether one of them raised.
pub(crate) fn ask() -> bool {
    Python::attach(|py| match py.check_signals() {
        Ok(()) => false,
        Err(error) => {
            RAISED.with_borrow_mut(|raised| *raised = Some(error));
            true
        }
    })
}

/// Takes what the handler raised.
pub(crate) fn raised(_py: Python<'_>) -> PyErr {
    RAISED.with_borrow_mut(Option::take).unwrap_or_else(|| PyKeyboardInterrupt::new_err(()))
}
