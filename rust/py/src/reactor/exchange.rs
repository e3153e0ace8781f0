//! One exchange at the door of `reactor`: a connection and a response, whose operations are awaited.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};
use sagewire_net::reactor::{self, Answer, Key, Outcome};
use sagewire_net::transport::{Times, TransportError};

use super::wait::ReactorWait;
use super::{Call, Reactor, Result};
use crate::transport::{duration, from_now, header_dict, latin_1, lock};

/// A connection that is taken from its pool for one exchange.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(super) struct ReactorConnection {
    pub(super) reactor: Py<Reactor>,
    pub(super) key: Key,
    pub(super) call: Mutex<Arc<Call>>,
}

#[pymethods]
impl ReactorConnection {
    /// Whether it has served a call before.
    #[getter]
    fn reused(&self) -> bool {
        self.key.is_reused()
    }

    /// Wait until the connection is there.
    fn connected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ReactorWait>> {
        self.begun(py, |engine| engine.connected(self.key))
    }

    /// Send a request; the result is its response, the body still to be read.
    fn exchange<'py>(
        &self,
        py: Python<'py>,
        head: &[u8],
        body: &Bound<'py, PyBytes>,
        deadline: Option<(f64, f64)>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let end = self.take_deadline(py, deadline);
        let keep = || Bytes::from_owner(PyBackedBytes::from(body.clone()));
        self.begun(py, |engine| engine.exchange(self.key, head, body.as_bytes(), keep, end))
    }

    /// Send the head of a request whose body comes in pieces, in chunks or by its length.
    fn begin<'py>(
        &self,
        py: Python<'py>,
        head: &[u8],
        chunked: bool,
        deadline: Option<(f64, f64)>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let end = self.take_deadline(py, deadline);
        self.begun(py, |engine| engine.begin(self.key, head, chunked, end))
    }

    /// Send a piece of the body.
    fn send_piece<'py>(
        &self,
        py: Python<'py>,
        piece: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let Ok(piece) = piece.cast::<PyBytes>() else {
            let kind = piece.get_type().name()?;
            return Err(PyTypeError::new_err(format!("body: a piece must be bytes, not {kind}")));
        };
        self.begun(py, |engine| engine.send_piece(self.key, piece.as_bytes()))
    }

    /// End the body; the result is the response.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ReactorWait>> {
        self.begun(py, |engine| engine.finish(self.key))
    }

    /// Drop the connection at once, whatever is in progress on it.
    fn close(&self) {
        let reactor = self.reactor.get();
        drop(reactor.forget(self.key));
        if reactor.is_ours() {
            lock(&reactor.engine).drop_connection(self.key);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.reactor)
    }
}

impl ReactorConnection {
    /// What to await for the operation that `begin` begins.
    fn begun<'py>(
        &self,
        py: Python<'py>,
        begin: impl FnOnce(&mut reactor::Reactor) -> Option<Result<Outcome>>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let call = Arc::clone(&lock(&self.call));
        let done = begin(&mut lock(&self.reactor.get().engine));
        Reactor::wait(self.reactor.bind(py), self.key, &call, None, done)
    }

    /// Notes the deadline of the whole call; what is left of it ends at the moment returned.
    fn take_deadline(&self, py: Python<'_>, deadline: Option<(f64, f64)>) -> Option<Instant> {
        let (left, whole) = deadline?;
        let mut call = lock(&self.call);
        *call = Arc::new(Call { url: call.url.clone_ref(py), seconds: Some(whole) });
        Some(from_now(left))
    }
}

impl Drop for ReactorConnection {
    fn drop(&mut self) {
        let reactor = self.reactor.get();
        if reactor.is_ours() {
            lock(&reactor.engine).drop_unanswered(self.key);
        }
    }
}

/// An answer whose head has arrived, and whose body arrives as it is asked for.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(super) struct ReactorResponse {
    /// 200 to 999.
    #[pyo3(get)]
    status: u16,
    /// 10 or 11.
    #[pyo3(get)]
    version: u8,
    /// Names in lower case, repeats joined.
    #[pyo3(get)]
    headers: Py<PyDict>,
    /// The reason phrase.
    #[pyo3(get)]
    reason: String,
    reactor: Py<Reactor>,
    key: Key,
    times: Times,
    call: Arc<Call>,
    /// What is left of a body that came with its head.
    here: Mutex<Option<Bytes>>,
    /// When the head was here.
    at: Instant,
}

impl ReactorResponse {
    pub(super) fn new(
        py: Python<'_>,
        reactor: Py<Reactor>,
        key: Key,
        answer: Answer,
        call: Arc<Call>,
    ) -> PyResult<Self> {
        let headers = header_dict(py, &answer.head)?;
        Ok(Self::with_headers(reactor, key, answer, headers, call))
    }

    pub(super) fn with_headers(
        reactor: Py<Reactor>,
        key: Key,
        answer: Answer,
        headers: Py<PyDict>,
        call: Arc<Call>,
    ) -> Self {
        let Answer { head, times, body, at } = answer;
        Self {
            status: head.status,
            version: head.version,
            headers,
            reason: latin_1(head.reason()),
            reactor,
            key,
            times,
            call,
            here: Mutex::new(body.map(Bytes::from)),
            at,
        }
    }

    /// Takes so much of a body that came with its head, if there is any left of it.
    fn take_here(&self, amount: Option<usize>) -> Option<Bytes> {
        let mut here = lock(&self.here);
        let left = here.as_mut()?;
        let taken = left.split_to(amount.map_or(left.len(), |amount| amount.min(left.len())));
        let is_over = left.is_empty();
        self.times.set_body(self.at.elapsed());
        if is_over {
            *here = None;
            let reactor = self.reactor.get();
            if reactor.is_ours() {
                lock(&reactor.engine).give_up(self.key);
            }
        }
        Some(taken)
    }
}

impl ReactorResponse {
    /// What to await for the read that `begin` begins.
    fn begun<'py>(
        &self,
        py: Python<'py>,
        amount: Option<usize>,
        begin: impl FnOnce(&mut reactor::Reactor) -> Option<Result<Outcome>>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let reactor = self.reactor.get();
        if let Some(data) = self.take_here(amount) {
            let done = Some(Ok(Outcome::Data(data.into())));
            return Reactor::wait(self.reactor.bind(py), self.key, &self.call, None, done);
        }
        if !reactor.is_ours() {
            return Err(self.call.failed(py, TransportError::of_the_parent()));
        }
        if lock(&reactor.waiting).contains_key(&self.key) {
            return Err(PyRuntimeError::new_err("another task is reading this body"));
        }
        let done = begin(&mut lock(&reactor.engine));
        Reactor::wait(self.reactor.bind(py), self.key, &self.call, None, done)
    }
}

#[pymethods]
impl ReactorResponse {
    /// Return what `read` would give if it need not wait, else `None`.
    #[pyo3(signature = (amount=None))]
    fn read_now<'py>(
        &self,
        py: Python<'py>,
        amount: Option<i64>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let amount = amount.and_then(|amount| usize::try_from(amount).ok());
        if let Some(data) = self.take_here(amount) {
            // Its connection may be one too many now, which goes by the alarm. A loop that is closed has
            // none, and what has been read is the caller's all the same: here and below.
            let _ = Reactor::look_ahead(self.reactor.bind(py));
            return Ok(Some(PyBytes::new(py, &data)));
        }
        let reactor = self.reactor.get();
        if !reactor.is_ours() {
            return Ok(None);
        }
        let read = {
            let mut engine = lock(&reactor.engine);
            if !engine.is_here(self.key, amount) {
                return Ok(None);
            }
            engine.read(self.key, amount, true)
        };
        let _ = Reactor::look_ahead(self.reactor.bind(py));
        match read {
            Some(Ok(Outcome::Data(data))) => Ok(Some(PyBytes::new(py, &data))),
            Some(Err(error)) => Err(self.call.failed(py, error)),
            _ => Ok(None),
        }
    }

    /// Read all that is left, or exactly `amount` bytes unless the body ends. `goes_on` is for a read
    /// that is made in pieces: its errors count those before.
    #[pyo3(signature = (amount=None, goes_on=false))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        amount: Option<i64>,
        goes_on: bool,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let amount = amount.and_then(|amount| usize::try_from(amount).ok());
        self.begun(py, amount, |engine| engine.read(self.key, amount, goes_on))
    }

    /// Read whatever arrives next; nothing at the end alone.
    fn read_some<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ReactorWait>> {
        self.begun(py, None, |engine| engine.read_some(self.key))
    }

    /// Return how long each part took, in seconds.
    fn timing(&self) -> (f64, f64, f64, f64, f64, f64) {
        self.times.now().parts().map(|part| part.as_secs_f64()).into()
    }

    /// Set how long, in seconds, each wait for more of the body may take.
    fn set_timeout(&self, seconds: Option<f64>) -> PyResult<()> {
        if lock(&self.reactor.get().engine).set_timeout(self.key, seconds.map(duration)) {
            return Ok(());
        }
        Err(PyAttributeError::new_err("the body has been read: there is no connection to wait for"))
    }

    /// Give up what is left; a read that another task waits for fails.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        drop(lock(&self.here).take());
        let reactor = self.reactor.get();
        let waiting = reactor.forget(self.key);
        if reactor.is_ours() {
            lock(&reactor.engine).give_up(self.key);
            let _ = Reactor::look_ahead(self.reactor.bind(py));
        }
        let Some(wait) = waiting else { return Ok(()) };
        let wait = wait.bind(py);
        let callbacks = wait.get().resolve(py, Err(self.call.failed(py, TransportError::Closed)));
        ReactorWait::call_soon(wait, callbacks)
    }

    /// Drop the connection at once: the read that was waited for is not wanted any more.
    fn abandon(&self) {
        drop(lock(&self.here).take());
        let reactor = self.reactor.get();
        drop(reactor.forget(self.key));
        if reactor.is_ours() {
            lock(&reactor.engine).drop_connection(self.key);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.reactor)?;
        visit.call(&self.headers)
    }
}

impl Drop for ReactorResponse {
    fn drop(&mut self) {
        let reactor = self.reactor.get();
        if !reactor.is_ours() {
            return;
        }
        lock(&reactor.engine).give_up(self.key);
        if reactor.is_done() {
            // On whatever thread this is; a loop that is over has nothing to leave.
            let _left = Python::try_attach(|py| -> PyResult<()> {
                let abandon = self.reactor.bind(py).getattr(intern!(py, "abandon"))?;
                let event_loop = reactor.event_loop.bind(py);
                event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (abandon,))?;
                Ok(())
            });
        }
    }
}
