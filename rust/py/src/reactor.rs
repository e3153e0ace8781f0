//! The door of `reactor`: operations give futures of the loop, and the turns resolve them.
//!
//! A future is made for each operation that has to wait, and resolved on the loop's own thread. The
//! collector can see through everything here: a loop that is dropped with calls in flight goes
//! whole, and the connections with it.

mod exchange;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use sagewire_net::reactor::{self, Key, Outcome};
use sagewire_net::transport::{PoolOptions, TransportError};

use self::exchange::{ReactorConnection, ReactorResponse};

use crate::support::signals;
use crate::transport::{Failure, Proxy, TlsSettings, duration, from_now, lock};

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reactor>()?;
    module.add_class::<ReactorConnection>()?;
    module.add_class::<ReactorResponse>()
}

type Result<T> = std::result::Result<T, TransportError>;

/// Connections to one origin, turned by one loop, on its thread.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Reactor {
    engine: Mutex<reactor::Reactor>,
    process: u32,
    #[pyo3(get)]
    event_loop: Py<PyAny>,
    create_future: Py<PyAny>,
    waiting: Mutex<HashMap<Key, Waiter>>,
    /// When the loop will ring, if it will, and what would stop it.
    armed: Mutex<Option<(Instant, Py<PyAny>)>>,
    /// Whether the loop will turn at once.
    soon: AtomicBool,
}

/// Who waits for an operation.
struct Waiter {
    future: Py<PyAny>,
    call: Arc<Call>,
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
            process: engine.process(),
            engine: Mutex::new(engine),
            event_loop: event_loop.clone().unbind(),
            create_future: event_loop.getattr("create_future")?.unbind(),
            waiting: Mutex::default(),
            armed: Mutex::default(),
            soon: AtomicBool::new(false),
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
        let mut finished = Vec::new();
        // Nothing of Python's is touched under the lock: it could run anything.
        let turned = lock(&this.engine).turn(&mut finished);
        for (key, result) in finished {
            let Some(waiter) = lock(&this.waiting).remove(&key) else { continue };
            Self::resolve(slf, key, &waiter.future, &waiter.call, result)?;
        }
        Self::look_ahead(slf)?;
        Ok(turned?)
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

    /// Return an idle connection that is alive, or `None`.
    fn take_idle(slf: &Bound<'_, Self>, url: Py<PyString>) -> Option<ReactorConnection> {
        let key = lock(&slf.get().engine).take_idle()?;
        Some(Self::taken(slf, key, url, None))
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

    /// Drop the idle connections.
    fn close(&self) {
        if self.is_ours() {
            lock(&self.engine).close();
        }
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
        visit.call(&self.create_future)?;
        // Nobody holds a lock while the interpreter may collect.
        if let Ok(armed) = self.armed.try_lock()
            && let Some((_, alarm)) = &*armed
        {
            visit.call(alarm)?;
        }
        if let Ok(waiting) = self.waiting.try_lock() {
            for waiter in waiting.values() {
                visit.call(&waiter.future)?;
            }
        }
        Ok(())
    }
}

impl Reactor {
    /// Whether this is the process that made it: in a child of a fork the lock may never open.
    fn is_ours(&self) -> bool {
        self.process == std::process::id()
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

    /// A future for an operation that has begun, done already if the operation is.
    fn wait<'py>(
        slf: &Bound<'py, Self>,
        key: Key,
        call: &Arc<Call>,
        done: Option<Result<Outcome>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let future = this.create_future.bind(slf.py()).call0()?;
        if let Some(result) = done {
            Self::resolve(slf, key, future.as_unbound(), call, result)?;
        } else {
            let waiter = Waiter { future: future.clone().unbind(), call: Arc::clone(call) };
            let before = lock(&this.waiting).insert(key, waiter);
            drop(before);
        }
        Self::look_ahead(slf)?;
        Ok(future)
    }

    /// Gives a future its result, unless it was cancelled.
    fn resolve(
        slf: &Bound<'_, Self>,
        key: Key,
        future: &Py<PyAny>,
        call: &Arc<Call>,
        result: Result<Outcome>,
    ) -> PyResult<()> {
        let py = slf.py();
        let made = match result {
            Ok(Outcome::Connected | Outcome::Sent) => Ok(py.None().into_bound(py)),
            Ok(Outcome::Answered(head, times)) => {
                ReactorResponse::new(py, slf.clone().unbind(), key, &head, times, Arc::clone(call))
                    .and_then(|response| Bound::new(py, response).map(Bound::into_any))
            }
            Ok(Outcome::Data(data)) => Ok(PyBytes::new(py, &data).into_any()),
            Err(error) => Err(call.failed(py, error)),
        };
        let future = future.bind(py);
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        match made {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
            Err(error) => future.call_method1(intern!(py, "set_exception"), (error,))?,
        };
        Ok(())
    }

    /// Has the loop call again: at once, or when the next wait's time is over.
    fn look_ahead(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let (more, alarm) = {
            let engine = lock(&this.engine);
            (engine.has_more(), engine.alarm())
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

    /// Forgets who waits; true if somebody did, and was not cancelled.
    fn forget(&self, py: Python<'_>, key: Key) -> Option<Py<PyAny>> {
        let waiter = lock(&self.waiting).remove(&key)?;
        let done = waiter.future.bind(py).call_method0(intern!(py, "done")).ok()?;
        (!done.is_truthy().unwrap_or(true)).then_some(waiter.future)
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
