//! Signals that arrive while a thread waits, detached from the interpreter.

use std::cell::RefCell;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use sagewire_net::transport::Interrupt;

thread_local! {
    /// What a signal's handler raised, on its way to the caller.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// How a waiting call hears of signals.
pub(crate) const INTERRUPT: Interrupt = Interrupt { wanted: ask, heard_here };

/// Whether this is the thread whose handlers Python runs: the process's first.
///
/// Others must not come back to the interpreter for nothing: it may be about to end, and does not let
/// them go then. Asked every now and then by a call that waits, so that it may take a microsecond.
fn heard_here() -> bool {
    std::fs::read_link("/proc/thread-self").is_ok_and(|link| {
        // "<process>/task/<thread>"
        let mut parts = link.iter();
        let process = parts.next();
        process.is_some() && process == parts.next_back()
    })
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
