//! The door of `reactor`: operations give awaitables of the loop, and the turns resolve them.
//!
//! An awaitable is made for each operation, and resolved on the loop's own thread. The collector can
//! see through everything here: a loop that is dropped with calls in flight goes whole, and the
//! connections with it.

mod exchange;
mod pace;
mod short;
mod wait;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use sagewire_net::reactor::{self, Finished, Key, Outcome, TURN};
use sagewire_net::transport::{Order, PoolOptions, TransportError};

use self::exchange::{ReactorConnection, ReactorResponse};
use self::pace::Pace;
use self::short::Short;
use self::wait::ReactorWait;

use crate::sigv4::Signer;
use crate::support::{forks, signals};
use crate::transport::shortcut::Shortcut;
use crate::transport::template::{Template, borrowed, covered, raised, texts, whole_seconds};
use crate::transport::{Failure, Proxy, TlsSettings, duration, from_now, lock};

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reactor>()?;
    module.add_class::<ReactorConnection>()?;
    module.add_class::<ReactorResponse>()?;
    module.add_class::<ReactorWait>()
}

/// How many operations are finished before those that wait for them run. Each by itself would have
/// the processor fetch the code of the one and the other again each time.
const AT_ONCE: usize = 16;

type Result<T> = std::result::Result<T, TransportError>;

/// Connections to one origin, turned by one loop, on its thread.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Reactor {
    engine: Mutex<reactor::Reactor>,
    process: u32,
    #[pyo3(get)]
    event_loop: Py<PyAny>,
    /// What is finished, and not told yet.
    finished: Mutex<VecDeque<Finished>>,
    /// Who waits for an operation.
    waiting: Mutex<HashMap<Key, Py<ReactorWait>>>,
    /// When the loop will ring, if it will, and what would stop it.
    armed: Mutex<Option<(Instant, Py<PyAny>)>>,
    /// Whether the loop will turn at once.
    soon: AtomicBool,
    /// Whether this is a turn, which ends in time.
    turning: AtomicBool,
    pace: Mutex<Pace>,
    /// Whether nobody will make a call any more.
    retired: AtomicBool,
}

/// What the words of a call's errors name.
struct Call {
    url: Py<PyString>,
    /// The deadline of the whole call.
    seconds: Option<f64>,
}

impl Call {
    fn failed(&self, py: Python<'_>, error: TransportError) -> PyErr {
        let url = self.url.bind(py).to_string();
        Failure { url: &url, seconds: self.seconds, error }.into_py(py)
    }
}

#[pymethods]
impl Reactor {
    #[new]
    #[pyo3(signature = (event_loop, scheme, host, port, *, max_idle=10, connect_timeout=60.0, read_timeout=60.0, tls=None, tcp_keepalive=false, proxy=None))]
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn new(
        event_loop: &Bound<'_, PyAny>,
        scheme: &str,
        host: &str,
        port: u16,
        max_idle: usize,
        connect_timeout: Option<f64>,
        read_timeout: Option<f64>,
        tls: Option<&Bound<'_, TlsSettings>>,
        tcp_keepalive: bool,
        proxy: Option<&Bound<'_, Proxy>>,
    ) -> PyResult<Self> {
        if scheme == "https" && tls.is_none() {
            return Err(PyValueError::new_err("tls: an https origin needs TlsSettings"));
        }
        let tls = tls.filter(|_| scheme == "https").map(|tls| Arc::clone(&tls.get().0));
        let engine = reactor::Reactor::new(PoolOptions {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            max_idle,
            connect_timeout: connect_timeout.map(duration),
            read_timeout: read_timeout.map(duration),
            tls,
            proxy: proxy.map(|proxy| proxy.get().settings()),
            tcp_keepalive,
            interrupt: signals::INTERRUPT,
        })?;
        Ok(Self {
            process: forks::generation(),
            engine: Mutex::new(engine),
            event_loop: event_loop.clone().unbind(),
            finished: Mutex::default(),
            waiting: Mutex::default(),
            armed: Mutex::default(),
            soon: AtomicBool::new(false),
            turning: AtomicBool::new(false),
            pace: Mutex::default(),
            retired: AtomicBool::new(false),
        })
    }

    /// Have the loop watch the engine's descriptor.
    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let Some(descriptor) = lock(&slf.get().engine).descriptor() else { return Ok(()) };
        let turn = slf.getattr(intern!(py, "_turn"))?;
        slf.get().event_loop.bind(py).call_method1("add_reader", (descriptor, turn))?;
        Ok(())
    }

    /// Do what can be done without waiting: for the loop to call when the descriptor is readable.
    #[pyo3(name = "_turn")]
    fn turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.soon.load(Ordering::Relaxed) {
            // This round of the loop has had its turn, and the next one will.
            return Ok(());
        }
        let end = Instant::now() + TURN;
        this.turning.store(true, Ordering::Relaxed);
        let turned = Self::turn_until(slf, end);
        this.turning.store(false, Ordering::Relaxed);
        Self::look_ahead(slf)?;
        turned
    }

    /// Turn because time has passed: for the loop to call when the alarm is due.
    #[pyo3(name = "_ring")]
    fn ring(slf: &Bound<'_, Self>) -> PyResult<()> {
        let rung = lock(&slf.get().armed).take();
        drop(rung);
        Self::turn(slf)
    }

    /// Turn because there is more to do at once.
    #[pyo3(name = "_go_on")]
    fn go_on(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().soon.store(false, Ordering::Relaxed);
        Self::turn(slf)
    }

    /// Return what to await before a call begins; `None` if the loop has time for it in this round.
    /// It gives whether the call may begin then; else this is to be asked again.
    fn pause<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if slf.get().turning.load(Ordering::Relaxed) {
            return Ok(None);
        }
        Pace::pause(slf)
    }

    /// Let calls begin that had to wait: for the loop to call when it has come round.
    #[pyo3(name = "_come_round")]
    fn come_round(slf: &Bound<'_, Self>) -> PyResult<()> {
        Pace::come_round(slf)
    }

    /// Return an idle connection that is alive, or `None`.
    fn take_idle(slf: &Bound<'_, Self>, url: Py<PyString>) -> Option<ReactorConnection> {
        let key = lock(&slf.get().engine).take_idle()?;
        Some(Self::taken(slf, key, url, None))
    }

    /// Send an attempt over this connection, or over an idle one, `None` if there is none; awaited,
    /// it gives the response, the body still to be read.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn attempt<'py>(
        slf: &Bound<'py, Self>,
        connection: Option<&Bound<'py, ReactorConnection>>,
        template: &Bound<'py, Template>,
        signer: Option<&Bound<'py, Signer>>,
        at: f64,
        url: &Bound<'py, PyString>,
        target: &str,
        members: &Bound<'py, PyList>,
        payload: &Bound<'py, PyAny>,
        body: &Bound<'py, PyBytes>,
        trace_id: Option<&str>,
        identity: &str,
        progress: &str,
        deadline: Option<(f64, f64)>,
    ) -> PyResult<Option<Bound<'py, ReactorWait>>> {
        let py = slf.py();
        // A connection's own pool, whichever is asked.
        let slf = connection.map_or(slf, |connection| connection.get().reactor.bind(py));
        let this = slf.get();
        let members = texts(members)?;
        let length = Some(body.as_bytes().len() as u64);
        let words = url.to_str()?;
        let order = Order {
            target,
            url: words,
            members: &borrowed(&members)?,
            trace_id,
            identity,
            progress,
            length,
        };
        let payload = signer.map(|_| covered(payload)).transpose()?;
        let at = whole_seconds(at);
        let signing = signer.zip(payload).map(|(by, payload)| (by.get().inner(), payload, at));
        let end = deadline.map(|(left, _)| from_now(left));
        let seconds = deadline.map(|(_, whole)| whole);
        let keep = || Bytes::from_owner(PyBackedBytes::from(body.clone()));
        // Signed with the connection in hand: a signature is good for five minutes.
        let head = |out: &mut Vec<u8>| template.get().0.push_head(out, &order, signing);
        let (key, done) = {
            let mut engine = lock(&this.engine);
            let taken = connection.map(|connection| connection.get().key);
            let Some(key) = taken.or_else(|| engine.take_idle()) else { return Ok(None) };
            (key, engine.attempt(key, head, body.as_bytes(), keep, end))
        };
        let done = done.transpose().map_err(|why| raised(py, words, seconds, why))?.map(Ok);
        let call = Arc::new(Call { url: url.clone().unbind(), seconds });
        Self::wait(slf, key, &call, None, done).map(Some)
    }

    /// Make a call over an idle connection; awaited, it gives what `Shortcut.invoke` returns. `None`
    /// if there is no idle connection, or the call is not plain. Of its `timeout` it has `waited` for so
    /// many seconds.
    #[pyo3(signature = (shortcut, parameters, timeout, waited=0.0))]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        shortcut: &Bound<'py, Shortcut>,
        parameters: &Bound<'py, PyDict>,
        timeout: Option<f64>,
        waited: f64,
    ) -> PyResult<Option<Bound<'py, ReactorWait>>> {
        Short::begin(slf, shortcut, parameters, timeout, waited)
    }

    /// Begin to connect to one of the addresses, in their order; `connected` waits for it.
    fn dial(
        slf: &Bound<'_, Self>,
        addresses: &Bound<'_, PyList>,
        looked_up: f64,
        url: Py<PyString>,
        deadline: Option<(f64, f64)>,
    ) -> PyResult<ReactorConnection> {
        let addresses = addresses
            .iter()
            .map(|address| socket_address(&address))
            .collect::<PyResult<Vec<SocketAddr>>>()?;
        let end = deadline.map(|(left, _)| from_now(left));
        let seconds = deadline.map(|(_, whole)| whole);
        let begun = lock(&slf.get().engine).connect(addresses, duration(looked_up), end);
        match begun {
            Ok(key) => Ok(Self::taken(slf, key, url, seconds)),
            Err(error) => Err(Call { url, seconds }.failed(slf.py(), error)),
        }
    }

    /// Drop idle connections, a few at once; return whether there are none left.
    fn close(&self) -> bool {
        !self.is_ours() || lock(&self.engine).close()
    }

    /// As `close`, and keep no connection any more: the client is gone. The loop is left with the last
    /// body that is being read.
    fn retire(&self, py: Python<'_>) -> PyResult<bool> {
        if !self.is_ours() {
            return Ok(true);
        }
        self.retired.store(true, Ordering::Relaxed);
        let is_over = lock(&self.engine).retire();
        if self.is_done() {
            self.abandon(py)?;
        }
        Ok(is_over)
    }

    /// Drop all connections, those in use as well, and leave the loop, if it is not over.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_ours() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        drop(waiting);
        let event_loop = self.event_loop.bind(py);
        let descriptor = lock(&self.engine).descriptor();
        if let Some(descriptor) = descriptor
            && !event_loop.call_method0("is_closed")?.is_truthy()?
        {
            // Before its number is somebody else's.
            event_loop.call_method1("remove_reader", (descriptor,))?;
        }
        lock(&self.engine).abandon();
        // The loop would keep us until it rings.
        let armed = lock(&self.armed).take();
        if let Some((_, alarm)) = armed {
            alarm.bind(py).call_method0(intern!(py, "cancel"))?;
        }
        Ok(())
    }

    /// Return how many connections are open, busy and idle, and how many calls wait for one.
    fn snapshot(&self) -> (usize, usize, usize, usize) {
        let now = lock(&self.engine).snapshot();
        (now.busy + now.idle, now.busy, now.idle, 0)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        // Nobody holds a lock while the interpreter may collect.
        if let Ok(armed) = self.armed.try_lock()
            && let Some((_, alarm)) = &*armed
        {
            visit.call(alarm)?;
        }
        if let Ok(waiting) = self.waiting.try_lock() {
            for wait in waiting.values() {
                visit.call(wait)?;
            }
        }
        if let Ok(pace) = self.pace.try_lock() {
            pace.traverse(&visit)?;
        }
        Ok(())
    }
}

impl Reactor {
    /// Tells of what is finished, a few at once, and runs what waits for it, one after the other.
    fn turn_until(slf: &Bound<'_, Self>, end: Instant) -> PyResult<()> {
        let this = slf.get();
        let py = slf.py();
        let mut more = lock(&this.engine).poll()?;
        // A debugging loop is to see, and to time, each task by itself.
        let apart = this.event_loop.bind(py).call_method0(intern!(py, "get_debug"))?.is_truthy()?;
        loop {
            // Nothing of Python's is touched under the lock: it could run anything.
            let told = lock(&this.finished).pop_front();
            let Some((key, result)) = told else {
                let found = lock(&this.engine).go_on(end, AT_ONCE);
                if found.is_empty() {
                    if !more {
                        return Ok(());
                    }
                    more = lock(&this.engine).poll()?;
                }
                lock(&this.finished).extend(found);
                continue;
            };
            if let Some(wait) = this.forget(key) {
                let wait = wait.bind(py);
                let (call, short) = (&wait.get().call, wait.get().short.as_ref());
                let made = Self::made(slf, key, call, short, result);
                let callbacks = wait.get().resolve(py, made);
                if apart {
                    ReactorWait::call_soon(wait, callbacks)?;
                } else {
                    // What it raises ends the loop's run; the next turn finds the others there.
                    ReactorWait::run(wait, callbacks)?;
                }
            }
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }

    /// Whether there will be no calls, and none is in progress.
    fn is_done(&self) -> bool {
        self.retired.load(Ordering::Relaxed) && lock(&self.engine).is_empty()
    }

    /// Whether this is the process that made it: in a child of a fork the lock may never open.
    fn is_ours(&self) -> bool {
        self.process == forks::generation()
    }

    fn taken(
        slf: &Bound<'_, Self>,
        key: Key,
        url: Py<PyString>,
        seconds: Option<f64>,
    ) -> ReactorConnection {
        let call = Mutex::new(Arc::new(Call { url, seconds }));
        ReactorConnection { reactor: slf.clone().unbind(), key, call }
    }

    /// What to await for an operation that has begun; over already if the operation is.
    fn wait<'py>(
        slf: &Bound<'py, Self>,
        key: Key,
        call: &Arc<Call>,
        short: Option<Short>,
        done: Option<Result<Outcome>>,
    ) -> PyResult<Bound<'py, ReactorWait>> {
        let this = slf.get();
        let py = slf.py();
        let waits = done.is_none();
        let done = done.map(|result| Self::made(slf, key, call, short.as_ref(), result));
        let wait = ReactorWait::new(py, slf.clone().unbind(), key, Arc::clone(call), short, done);
        let wait = Bound::new(py, wait)?;
        if waits {
            let before = lock(&this.waiting).insert(key, wait.clone().unbind());
            drop(before);
        }
        Self::look_ahead(slf)?;
        Ok(wait)
    }

    /// What an operation has come to, in Python.
    fn made(
        slf: &Bound<'_, Self>,
        key: Key,
        call: &Arc<Call>,
        short: Option<&Short>,
        result: Result<Outcome>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(short) = short {
            return short.made(slf, key, call, result);
        }
        let py = slf.py();
        match result {
            Ok(Outcome::Connected | Outcome::Sent) => Ok(py.None()),
            Ok(Outcome::Answered(answer)) => {
                let reactor = slf.clone().unbind();
                let response = ReactorResponse::new(py, reactor, key, *answer, Arc::clone(call))?;
                Ok(Py::new(py, response)?.into_any())
            }
            Ok(Outcome::Data(data)) => Ok(PyBytes::new(py, &data).into_any().unbind()),
            Err(error) => Err(call.failed(py, error)),
        }
    }

    /// Has the loop call again: at once, or when the next wait's time is over.
    fn look_ahead(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let (more, alarm) = {
            let untold = !lock(&this.finished).is_empty();
            let engine = lock(&this.engine);
            (untold || engine.has_more(), engine.alarm())
        };
        let py = slf.py();
        if more && !this.soon.swap(true, Ordering::Relaxed) {
            let go_on = slf.getattr(intern!(py, "_go_on"))?;
            this.event_loop.bind(py).call_method1(intern!(py, "call_soon"), (go_on,))?;
        }
        let Some(alarm) = alarm else { return Ok(()) };
        if lock(&this.armed).as_ref().is_some_and(|(armed, _)| *armed <= alarm) {
            return Ok(());
        }
        let seconds = alarm.saturating_duration_since(Instant::now()).as_secs_f64();
        let ring = slf.getattr(intern!(py, "_ring"))?;
        let event_loop = this.event_loop.bind(py);
        let handle = event_loop.call_method1(intern!(py, "call_later"), (seconds, ring))?;
        let before = lock(&this.armed).replace((alarm, handle.unbind()));
        if let Some((_, later)) = before {
            later.bind(py).call_method0(intern!(py, "cancel"))?;
        }
        Ok(())
    }

    /// Forgets who waits, if anybody does.
    fn forget(&self, key: Key) -> Option<Py<ReactorWait>> {
        lock(&self.waiting).remove(&key)
    }
}

/// An address as `socket.getaddrinfo` gives it: host and port, and of IPv6 flow and scope as well.
fn socket_address(address: &Bound<'_, PyAny>) -> PyResult<SocketAddr> {
    let text: String = address.get_item(0)?.extract()?;
    let port: u16 = address.get_item(1)?.extract()?;
    let host = text.split('%').next().unwrap_or_default();
    let ip: IpAddr = host
        .parse()
        .map_err(|_| PyValueError::new_err(format!("addresses: {text:?} is no IP address")))?;
    Ok(match ip {
        IpAddr::V6(ip) if address.len()? >= 4 => {
            let (flow, scope) = (address.get_item(2)?.extract()?, address.get_item(3)?.extract()?);
            SocketAddrV6::new(ip, port, flow, scope).into()
        }
        ip => SocketAddr::new(ip, port),
    })
}
