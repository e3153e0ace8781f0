//! What an operation gives that has to wait: an awaitable of the loop, resolved by the turns.
//!
//! It has the manners of `asyncio.Future`, and two of its own. Cancelling it ends the operation's
//! connection there and then. And the turn that resolves it runs what waits for it, where a future
//! would have the loop make a handle and come back: a turn is called by the loop itself, so that no
//! task is running then, and a call is spared one way through the loop.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt, PyStopIteration, PySystemExit};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sagewire_net::reactor::Key;

use super::short::Short;
use super::{Call, Reactor};
use crate::transport::lock;

/// An operation in progress, or its result.
#[pyclass(frozen, weakref, module = "sagewire._native._ext")]
pub(super) struct ReactorWait {
    reactor: Py<Reactor>,
    key: Key,
    pub(super) call: Arc<Call>,
    /// The rest of a call on its short way.
    pub(super) short: Option<Short>,
    state: Mutex<State>,
}

struct State {
    /// What asyncio asks of everything that a task waits for.
    blocking: bool,
    fate: Fate,
    /// What is to run then, each in its context.
    callbacks: Callbacks,
}

/// What runs once a wait is over, and in which contexts.
type Callbacks = Vec<(Py<PyAny>, Py<PyAny>)>;

enum Fate {
    Waiting,
    Done(Py<PyAny>),
    /// As an object, for the collector to see: its traceback leads back to whoever waited, and so
    /// to the wait.
    Failed(Py<PyBaseException>),
    /// With the message that came with it.
    Cancelled(Option<Py<PyAny>>),
}

impl Fate {
    fn of(py: Python<'_>, result: PyResult<Py<PyAny>>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error.into_value(py)),
        }
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Waiting => Err(InvalidStateError::new_err("Result is not set.")),
            Self::Done(value) => Ok(value.clone_ref(py)),
            Self::Failed(error) => Err(PyErr::from_value(error.bind(py).clone().into_any())),
            Self::Cancelled(None) => Err(CancelledError::new_err(())),
            Self::Cancelled(Some(message)) => {
                Err(CancelledError::new_err((message.clone_ref(py),)))
            }
        }
    }
}

#[pymethods]
impl ReactorWait {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<Self>> {
        let py = slf.py();
        let mut state = lock(&slf.get().state);
        if let Fate::Waiting = state.fate {
            state.blocking = true;
            return Ok(slf.clone().unbind());
        }
        let result = state.fate.result(py);
        drop(state);
        Err(PyStopIteration::new_err((result?,)))
    }

    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        lock(&self.state).blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        lock(&self.state).blocking = blocking;
    }

    /// The loop that resolves it.
    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.reactor.get().event_loop.clone_ref(py)
    }

    /// Whether it is over.
    fn done(&self) -> bool {
        !matches!(lock(&self.state).fate, Fate::Waiting)
    }

    /// Whether it was cancelled.
    fn cancelled(&self) -> bool {
        matches!(lock(&self.state).fate, Fate::Cancelled(_))
    }

    /// Return what the operation gave, or raise what it raised.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        lock(&self.state).fate.result(py)
    }

    /// Return what the operation raised, if it did.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match &lock(&self.state).fate {
            Fate::Done(_) => Ok(None),
            Fate::Failed(error) => Ok(Some(error.clone_ref(py).into_any())),
            Fate::Waiting => Err(InvalidStateError::new_err("Exception is not set.")),
            cancelled @ Fate::Cancelled(_) => cancelled.result(py).map(|_| None),
        }
    }

    /// Have the loop call `callback` with this once it is over.
    #[pyo3(signature = (callback, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let context = match context {
            Some(context) => context,
            None => py.import("contextvars")?.call_method0("copy_context")?.unbind(),
        };
        let mut state = lock(&slf.get().state);
        if let Fate::Waiting = state.fate {
            state.callbacks.push((callback, context));
            return Ok(());
        }
        drop(state);
        Self::call_soon(slf, vec![(callback, context)])
    }

    /// Take a callback back; return how many times it was there.
    fn remove_done_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = callback.py();
        // Compared without the lock: it could run anything, and raise.
        let before: Vec<_> = {
            let state = lock(&self.state);
            state.callbacks.iter().map(|(other, _)| other.clone_ref(py)).collect()
        };
        let mut same = Vec::new();
        for other in before {
            if other.bind(py).eq(callback)? {
                same.push(other);
            }
        }
        let mut removed = Vec::new();
        let mut state = lock(&self.state);
        for callback in std::mem::take(&mut state.callbacks) {
            let is_same = same.iter().any(|same| same.is(&callback.0));
            if is_same { removed.push(callback) } else { state.callbacks.push(callback) }
        }
        drop(state);
        Ok(removed.len())
    }

    /// End the operation's connection, and raise `CancelledError` in whoever waits; `False` if the
    /// operation is over.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let Some(callbacks) = slf.get().give_up(msg) else { return Ok(false) };
        Self::call_soon(slf, callbacks)?;
        Ok(true)
    }

    /// End the operation's connection: for whoever has waited, and goes.
    fn close(&self) {
        drop(self.give_up(None));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.reactor)?;
        if let Some(short) = &self.short {
            short.traverse(&visit)?;
        }
        // Nobody holds a lock while the interpreter may collect.
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        match &state.fate {
            Fate::Done(value) | Fate::Cancelled(Some(value)) => visit.call(value)?,
            Fate::Failed(error) => visit.call(error)?,
            Fate::Waiting | Fate::Cancelled(None) => {}
        }
        for (callback, context) in &state.callbacks {
            visit.call(callback)?;
            visit.call(context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let callbacks = std::mem::take(&mut lock(&self.state).callbacks);
        drop(callbacks);
    }
}

impl ReactorWait {
    /// An operation in progress, or one that is over already.
    pub(super) fn new(
        py: Python<'_>,
        reactor: Py<Reactor>,
        key: Key,
        call: Arc<Call>,
        short: Option<Short>,
        done: Option<PyResult<Py<PyAny>>>,
    ) -> Self {
        let fate = done.map_or(Fate::Waiting, |result| Fate::of(py, result));
        let state = Mutex::new(State { blocking: false, fate, callbacks: Vec::new() });
        Self { reactor, key, call, short, state }
    }

    /// Notes how it ended; what is to run then, unless it is over already.
    fn end(&self, fate: Fate) -> Option<Callbacks> {
        let mut state = lock(&self.state);
        if !matches!(state.fate, Fate::Waiting) {
            return None;
        }
        state.fate = fate;
        Some(std::mem::take(&mut state.callbacks))
    }

    /// Ends the operation's connection; what is to run now, unless the operation is over.
    fn give_up(&self, message: Option<Py<PyAny>>) -> Option<Callbacks> {
        let callbacks = self.end(Fate::Cancelled(message))?;
        let reactor = self.reactor.get();
        drop(reactor.forget(self.key));
        if reactor.is_ours() {
            lock(&reactor.engine).drop_connection(self.key);
        }
        Some(callbacks)
    }

    /// Gives it its result; what is to run now.
    pub(super) fn resolve(&self, py: Python<'_>, result: PyResult<Py<PyAny>>) -> Callbacks {
        self.end(Fate::of(py, result)).unwrap_or_default()
    }

    /// Has the loop run callbacks.
    pub(super) fn call_soon(slf: &Bound<'_, Self>, callbacks: Callbacks) -> PyResult<()> {
        let py = slf.py();
        let event_loop = slf.get().reactor.get().event_loop.bind(py);
        for (callback, context) in callbacks {
            let how = PyDict::new(py);
            how.set_item(intern!(py, "context"), context)?;
            event_loop.call_method(intern!(py, "call_soon"), (callback, slf), Some(&how))?;
        }
        Ok(())
    }

    /// Runs callbacks here and now, as the loop would: what they raise is the loop's to report, but
    /// for what ends a program.
    pub(super) fn run(slf: &Bound<'_, Self>, callbacks: Callbacks) -> PyResult<()> {
        let py = slf.py();
        let mut ending = None;
        for (callback, context) in callbacks {
            let ran = context.bind(py).call_method1(intern!(py, "run"), (&callback, slf));
            match ran {
                Ok(_) => {}
                Err(error)
                    if error.is_instance_of::<PyKeyboardInterrupt>(py)
                        || error.is_instance_of::<PySystemExit>(py) =>
                {
                    ending = ending.or(Some(error));
                }
                Err(error) => {
                    let told = PyDict::new(py);
                    told.set_item("message", format!("Exception in callback {callback}"))?;
                    told.set_item("exception", error.into_value(py))?;
                    let event_loop = slf.get().reactor.get().event_loop.bind(py);
                    event_loop.call_method1("call_exception_handler", (told,))?;
                }
            }
        }
        ending.map_or(Ok(()), Err)
    }
}
