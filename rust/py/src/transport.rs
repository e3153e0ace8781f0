//! The door of `transport`.

mod layout;
pub(crate) mod shortcut;
pub(crate) mod template;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyByteArrayMethods, PyBytes, PyDict, PyList, PyMemoryView, PyString,
};
use sagewire_net::transport::{
    self, PoolOptions, RequestHead, ResponseHead, Timing, TransportError,
};

use crate::support::errors::raise_with;
use crate::support::signals;

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TlsSettings>()?;
    module.add_class::<Proxy>()?;
    module.add_class::<Pool>()?;
    module.add_class::<Connection>()?;
    module.add_class::<template::Template>()?;
    module.add_class::<shortcut::Shortcut>()?;
    module.add_class::<Response>()?;
    module.add_function(wrap_pyfunction!(identities, module)?)
}

/// Return one id of version 4 of RFC 9562 for each 16 bytes of `random`.
#[pyfunction]
fn identities(random: &[u8]) -> Vec<String> {
    transport::identities(random)
}

/// Whom to trust, and who to be.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct TlsSettings(pub(crate) Arc<transport::TlsSettings>);

#[pymethods]
impl TlsSettings {
    #[new]
    #[pyo3(signature = (verify, ca_bundle, client_cert, client_key))]
    fn new(
        verify: bool,
        ca_bundle: Option<String>,
        client_cert: Option<String>,
        client_key: Option<String>,
    ) -> Self {
        let settings = transport::TlsSettings::new(verify, ca_bundle, client_cert, client_key);
        Self(Arc::new(settings))
    }

    /// Read the files, if that has not been done.
    fn load(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.load()).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[getter]
    fn verify(&self) -> bool {
        self.0.verify
    }

    #[getter]
    fn ca_bundle(&self) -> Option<&str> {
        self.0.ca_bundle.as_deref()
    }

    #[getter]
    fn client_cert(&self) -> Option<&str> {
        self.0.client_cert.as_deref()
    }

    #[getter]
    fn client_key(&self) -> Option<&str> {
        self.0.client_key.as_deref()
    }
}

/// A proxy on the way to the origin.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct Proxy {
    #[pyo3(get)]
    url: String,
    #[pyo3(get)]
    host: String,
    #[pyo3(get)]
    port: u16,
    #[pyo3(get)]
    tunnel: bool,
    authorization: Option<String>,
    tls: Option<Arc<transport::TlsSettings>>,
}

#[pymethods]
impl Proxy {
    #[new]
    #[pyo3(signature = (url, host, port, tunnel, authorization, tls))]
    fn new(
        url: String,
        host: String,
        port: u16,
        tunnel: bool,
        authorization: Option<String>,
        tls: Option<&Bound<'_, TlsSettings>>,
    ) -> Self {
        let tls = tls.map(|tls| Arc::clone(&tls.get().0));
        Self { url, host, port, tunnel, authorization, tls }
    }
}

impl Proxy {
    pub(crate) fn settings(&self) -> transport::Proxy {
        transport::Proxy {
            url: self.url.clone(),
            host: self.host.clone(),
            port: self.port,
            tunnel: self.tunnel,
            authorization: self.authorization.clone(),
            tls: self.tls.clone(),
        }
    }
}

/// Connections to one origin, shared by threads.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Pool(transport::Pool);

#[pymethods]
impl Pool {
    #[new]
    #[pyo3(signature = (scheme, host, port, *, max_idle=10, connect_timeout=60.0, read_timeout=60.0, tls=None, tcp_keepalive=false, proxy=None))]
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn new(
        scheme: &str,
        host: String,
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
        Ok(Self(transport::Pool::new(PoolOptions {
            host,
            port,
            max_idle,
            connect_timeout: connect_timeout.map(duration),
            read_timeout: read_timeout.map(duration),
            tls,
            proxy: proxy.map(|proxy| proxy.get().settings()),
            tcp_keepalive,
            interrupt: signals::INTERRUPT,
        })))
    }

    /// Return an idle connection that is alive, or a new one.
    fn take(&self, py: Python<'_>, url: String, timeout: Option<f64>) -> PyResult<Connection> {
        let connection = match self.0.take_idle() {
            Some(idle) => idle,
            None => py
                .detach(|| self.0.connect(timeout.map(from_now)))
                .map_err(|error| Failure { url: &url, seconds: timeout, error }.into_py(py))?,
        };
        let reused = connection.reused;
        Ok(Connection { url, reused, inner: Mutex::new(Some(connection)) })
    }

    /// Return the same pool for users whose connections `end` ends.
    fn group(&self, room: usize) -> Self {
        Self(self.0.group(room))
    }

    /// End the connections that are in use through this group, now and from now on.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        if py.detach(|| self.0.end()) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("only a group() of a pool can be ended"))
    }

    /// Drop the idle connections.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Return how many connections are open, busy and idle, and how many calls wait for one.
    fn snapshot(&self) -> (usize, usize, usize, usize) {
        let now = self.0.snapshot();
        (now.busy + now.idle, now.busy, now.idle, 0)
    }
}

/// A connection that is taken from its pool for one exchange.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Connection {
    url: String,
    /// Whether it has served a call before.
    #[pyo3(get)]
    reused: bool,
    inner: Mutex<Option<transport::Connection>>,
}

#[pymethods]
impl Connection {
    /// Send a request and return its response, the body still to be read.
    fn exchange(
        &self,
        py: Python<'_>,
        method: &str,
        target: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Response> {
        let taken = lock(&self.inner).take();
        let Some(mut connection) = taken else {
            return Err(PyRuntimeError::new_err("the connection is closed or in use"));
        };
        let failed = |error| Failure { url: &self.url, seconds: timeout, error }.into_py(py);
        let pairs: Vec<(Bound<'_, PyString>, Bound<'_, PyString>)> =
            headers.iter().map(|pair| pair.extract()).collect::<PyResult<_>>()?;
        let headers: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| Ok((name.to_str()?, value.to_str()?)))
            .collect::<PyResult<_>>()?;
        let head = RequestHead { method, target, headers: &headers };
        connection.prepare(&head, timeout.map(from_now)).map_err(failed)?;
        let exchanged = if let Some(body) = whole_body(body)? {
            // Detached once: between sending and receiving nobody waits for the interpreter.
            py.detach(|| {
                connection.send(&body)?;
                connection.receive()
            })
        } else {
            send_pieces(py, &mut connection, body, &failed)?;
            py.detach(|| connection.receive())
        };
        let response = exchanged.map_err(failed)?;
        Response::new(py, response, PyString::new(py, &self.url).unbind(), timeout)
    }

    /// Drop the connection.
    fn close(&self) {
        let dropped = lock(&self.inner).take();
        drop(dropped);
    }
}

/// A body that is there as a whole; `None` for one that comes in pieces.
fn whole_body<'a>(body: &'a Bound<'_, PyAny>) -> PyResult<Option<Cow<'a, [u8]>>> {
    if let Ok(body) = body.cast::<PyBytes>() {
        return Ok(Some(Cow::Borrowed(body.as_bytes())));
    }
    if body.is_none() {
        return Ok(Some(Cow::Borrowed(b"")));
    }
    // What is not constant is copied: it may change under us while we are detached.
    if let Ok(body) = body.cast::<PyByteArray>() {
        return Ok(Some(Cow::Owned(body.to_vec())));
    }
    if let Ok(body) = body.cast::<PyMemoryView>() {
        let copy = body.call_method0("tobytes")?.cast_into::<PyBytes>()?;
        return Ok(Some(Cow::Owned(copy.as_bytes().to_vec())));
    }
    if body.is_instance_of::<PyString>() {
        let words = "body: must be bytes, an iterable of bytes, or None, not str";
        return Err(PyTypeError::new_err(words));
    }
    Ok(None)
}

fn send_pieces(
    py: Python<'_>,
    connection: &mut transport::Connection,
    pieces: &Bound<'_, PyAny>,
    failed: &impl Fn(TransportError) -> PyErr,
) -> PyResult<()> {
    let pieces = pieces.try_iter()?;
    py.detach(|| connection.send(b"")).map_err(failed)?;
    for piece in pieces {
        let piece = piece?;
        let Ok(piece) = piece.cast::<PyBytes>() else {
            let kind = piece.get_type().name()?;
            return Err(PyTypeError::new_err(format!("body: a piece must be bytes, not {kind}")));
        };
        let bytes = piece.as_bytes();
        py.detach(|| connection.send_piece(bytes)).map_err(failed)?;
    }
    py.detach(|| connection.send_end()).map_err(failed)
}

/// An answer whose head has arrived, and whose body arrives as it is asked for.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct Response {
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
    url: Py<PyString>,
    /// The deadline of the whole call, for the words of an error.
    seconds: Option<f64>,
    timing: Timing,
    /// What has been added to the timing of the body, which another thread may be reading.
    body_nanoseconds: AtomicU64,
    body: Mutex<Body>,
}

/// A body, and who has it.
enum Body {
    /// Nobody is reading.
    Idle(Box<transport::Response>),
    /// Over, or given up.
    Over,
    /// A thread is reading, without the lock: the lock is never held while waiting.
    /// By it another one may end the wait.
    Reading(Option<Arc<transport::Closer>>),
}

impl Response {
    fn new(
        py: Python<'_>,
        response: Box<transport::Response>,
        url: Py<PyString>,
        seconds: Option<f64>,
    ) -> PyResult<Self> {
        let headers = header_dict(py, &response.head)?;
        Ok(Self::with_headers(response, headers, url, seconds))
    }

    fn with_headers(
        response: Box<transport::Response>,
        headers: Py<PyDict>,
        url: Py<PyString>,
        seconds: Option<f64>,
    ) -> Self {
        Self {
            timing: response.timing,
            body_nanoseconds: AtomicU64::new(0),
            reason: latin_1(response.head.reason()),
            url,
            status: response.head.status,
            version: response.head.version,
            headers,
            seconds,
            body: Mutex::new(Body::Idle(response)),
        }
    }

    fn read_body(&self, py: Python<'_>, amount: Option<usize>) -> PyResult<Vec<u8>> {
        let waits = |body: &transport::Response| !body.is_here(amount);
        self.turn(py, waits, |body| {
            if waits(body) { py.detach(|| body.read(amount)) } else { body.read(amount) }
        })
    }

    /// What is asked for, if it is here already: as of most answers, which come in one piece.
    fn read_here<'py>(
        &self,
        py: Python<'py>,
        amount: Option<usize>,
    ) -> Option<Bound<'py, PyBytes>> {
        let mut now = lock(&self.body);
        let Body::Idle(body) = &mut *now else { return None };
        let data = PyBytes::new(py, body.here(amount)?);
        body.take(data.as_bytes().len());
        self.note(&body.timing);
        if body.is_over() {
            *now = Body::Over;
        }
        Some(data)
    }

    fn note(&self, timing: &Timing) {
        let nanoseconds = u64::try_from(timing.body.as_nanos()).unwrap_or(u64::MAX);
        self.body_nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    /// Has `work` done with the body, which nobody else gets meanwhile; nothing once it is over.
    /// `waits` says whether it may wait.
    pub(crate) fn turn<T: Default>(
        &self,
        py: Python<'_>,
        waits: impl FnOnce(&transport::Response) -> bool,
        work: impl FnOnce(&mut transport::Response) -> Result<T, TransportError>,
    ) -> PyResult<T> {
        let mut now = lock(&self.body);
        let mut body = match std::mem::replace(&mut *now, Body::Over) {
            Body::Idle(body) => body,
            Body::Over => return Ok(T::default()),
            reading @ Body::Reading(_) => {
                *now = reading;
                return Err(PyRuntimeError::new_err("another thread is reading this body"));
            }
        };
        *now = Body::Reading(if waits(&body) { body.closer() } else { None });
        drop(now);
        let done = work(&mut body);
        self.note(&body.timing);
        let mut now = lock(&self.body);
        // Closed by another thread meanwhile, it is over as soon as this one has done.
        *now = match *now {
            Body::Reading(_) if !body.is_over() => Body::Idle(body),
            _ => Body::Over,
        };
        drop(now);
        done.map_err(|error| {
            let url = self.url.bind(py).to_str();
            url.map_or_else(
                |error| error,
                |url| Failure { url, seconds: self.seconds, error }.into_py(py),
            )
        })
    }
}

#[pymethods]
impl Response {
    /// Return all that is left, or exactly `amount` bytes unless the body ends.
    #[pyo3(signature = (amount=None))]
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        amount: Option<i64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let amount = amount.and_then(|amount| usize::try_from(amount).ok());
        if let Some(data) = self.read_here(py, amount) {
            return Ok(data);
        }
        Ok(PyBytes::new(py, &self.read_body(py, amount)?))
    }

    /// Fill `buffer` unless the body ends, and return the number of bytes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = py.import("builtins")?.getattr("memoryview")?.call1((buffer,))?;
        let view = view.call_method1("cast", ("B",))?;
        if view.getattr("readonly")?.is_truthy()? {
            return Err(PyTypeError::new_err("buffer: must be writable"));
        }
        let data = self.read_body(py, Some(view.len()?))?;
        let place = pyo3::types::PySlice::new(py, 0, isize::try_from(data.len())?, 1);
        view.set_item(place, PyBytes::new(py, &data))?;
        Ok(data.len())
    }

    /// Set how long, in seconds, each wait for more of the body may take.
    fn set_timeout(&self, seconds: Option<f64>) -> PyResult<()> {
        let over = match &mut *lock(&self.body) {
            Body::Idle(body) => !body.set_timeout(seconds.map(duration)),
            Body::Over | Body::Reading(_) => true,
        };
        if over {
            return Err(PyAttributeError::new_err(
                "the body has been read: there is no connection to wait for",
            ));
        }
        Ok(())
    }

    /// Return the seconds of each part: queue, connect, TLS, send, first byte, body so far.
    fn timing(&self) -> (f64, f64, f64, f64, f64, f64) {
        let read = Duration::from_nanos(self.body_nanoseconds.load(Ordering::Relaxed));
        let [queue, connect, tls, send, first_byte, body] =
            Timing { body: read, ..self.timing }.parts().map(|part| part.as_secs_f64());
        (queue, connect, tls, send, first_byte, body)
    }

    /// Give up what is left; a read that waits for it on another thread ends.
    pub(crate) fn close(&self) {
        let taken = std::mem::replace(&mut *lock(&self.body), Body::Over);
        match taken {
            Body::Idle(mut body) => body.close(),
            Body::Reading(Some(closer)) => closer.end(),
            Body::Reading(None) | Body::Over => {}
        }
    }
}

/// A failed exchange on its way to the exception that names the URL.
pub(crate) struct Failure<'a> {
    pub(crate) url: &'a str,
    /// The deadline of the whole call.
    pub(crate) seconds: Option<f64>,
    pub(crate) error: TransportError,
}

impl Failure<'_> {
    pub(crate) fn into_py(self, py: Python<'_>) -> PyErr {
        let (url, seconds) = (self.url, self.seconds);
        let with_url = |class: &str| raise_with(py, class, |f| f.set_item("endpoint_url", url));
        let with_error = |class: &str, error: &str| {
            raise_with(py, class, |fields| {
                fields.set_item("endpoint_url", url)?;
                fields.set_item("error", error)
            })
        };
        let alone = |class: &str, error: &str| {
            raise_with(py, class, |fields| fields.set_item("error", error))
        };
        match self.error {
            TransportError::Connect(words) => with_error("EndpointConnectionError", &words),
            TransportError::ConnectTimeout => with_url("ConnectTimeoutError"),
            TransportError::Tls(words) => with_error("SSLError", &words),
            TransportError::Unreadable(words) => {
                raise_with(py, "ConnectionClosedError", |fields| {
                    fields.set_item("endpoint_url", url)?;
                    fields.set_item("cause", words)
                })
            }
            TransportError::Proxy(proxy_url, words) => {
                raise_with(py, "ProxyConnectionError", |fields| {
                    fields.set_item("proxy_url", proxy_url)?;
                    fields.set_item("error", words)
                })
            }
            TransportError::Closed => with_url("ConnectionClosedError"),
            TransportError::Stale => raise_with(py, "ConnectionClosedError", |fields| {
                fields.set_item("endpoint_url", url)?;
                fields.set_item("stale", true)
            }),
            TransportError::HeadTimeout => with_url("ReadTimeoutError"),
            TransportError::BodyTimeout => raise_with(py, "ReadTimeoutError", |fields| {
                fields.set_item("endpoint_url", py.None())
            }),
            TransportError::Deadline(stage) => raise_with(py, "DeadlineExceededError", |fields| {
                fields.set_item("seconds", seconds)?;
                fields.set_item("stage", stage.words())?;
                fields.set_item("endpoint_url", url)
            }),
            TransportError::Client(words) => alone("HTTPClientError", &words),
            TransportError::Streaming(words) => alone("ResponseStreamingError", &words),
            TransportError::Interrupted => signals::raised(py),
        }
    }
}

pub(crate) fn header_dict(py: Python<'_>, head: &ResponseHead) -> PyResult<Py<PyDict>> {
    let headers = PyDict::new(py);
    for (name, value) in head.joined() {
        headers.set_item(name, latin_1_text(py, &value))?;
    }
    Ok(headers.unbind())
}

/// The value of a header that stands in its head once.
fn header_text<'py>(py: Python<'py>, value: &[u8]) -> Bound<'py, PyString> {
    latin_1_text(py, &transport::unfolded(value))
}

fn latin_1_text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()) {
        Some(text) => PyString::new(py, text),
        None => PyString::new(py, &latin_1(bytes)),
    }
}

pub(crate) fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub(crate) fn duration(seconds: f64) -> Duration {
    // A time-out beyond what the system can count is as good as none; a negative one is over.
    Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9))
        .unwrap_or(Duration::from_secs(1_000_000_000))
}

pub(crate) fn from_now(timeout: f64) -> Instant {
    Instant::now() + duration(timeout)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Held for a swap alone, never while waiting for a peer or for the interpreter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
