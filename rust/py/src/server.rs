//! The door of `server`: a server, and the calls that it hands to Python's worker threads.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyString};
use sagewire_core::headers::Operation;
use sagewire_core::sigv4::Credentials;
use sagewire_net::server::{
    self, Changeable, ContainerAddress, Endpoint, Fault, Known, Limits, Location, Parts,
    QueueSettings, Settings, StorageSettings, Target, Variant, Whole,
};

use crate::support::clock;

/// Up to here a copy is cheaper than keeping the Python object alive on another thread.
const COPY_UP_TO_BYTES: usize = 65_536;

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyFrontDoor>()?;
    module.add_class::<PyLookup>()?;
    module.add_class::<PyCall>()
}

/// A container: host, port, path of invocations.
type Container = (String, u16, String);
/// A variant: name, weight, containers or None for a Python handler.
type VariantTuple = (String, f64, Option<Vec<Container>>);
/// Credentials: access key id, secret, token, expiry, patterns of endpoint names.
type KnownTuple = (String, String, Option<String>, Option<i64>, Vec<String>);
/// The same without the access key id, which was asked for.
type Found = (String, Option<String>, Option<i64>, Vec<String>);
/// The queue: database or None for memory, folder of objects, output, failure, workers.
type QueueTuple = (Option<PathBuf>, PathBuf, String, String, usize);
/// A fault: delay in seconds, status or 0, code, message, whether the connection is dropped.
type FaultTuple = (f64, u16, String, String, bool);

/// A server that runs from its construction until `stop`.
#[pyclass(name = "FrontDoor", frozen)]
struct PyFrontDoor {
    server: server::Server,
}

#[pymethods]
impl PyFrontDoor {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "the twin's signature")]
    fn new(
        py: Python<'_>,
        endpoints: HashMap<String, Vec<VariantTuple>>,
        host: &str,
        port: u16,
        region: String,
        credentials: Option<Vec<KnownTuple>>,
        lookup: bool,
        model_timeout: f64,
        stream_timeout: f64,
        session_seconds: f64,
        max_body_bytes: usize,
        queue: Option<QueueTuple>,
        ping_seconds: f64,
    ) -> PyResult<Self> {
        let ping_every = seconds(ping_seconds)?;
        let model_timeout = seconds(model_timeout)?;
        let stream_timeout = seconds(stream_timeout)?;
        let session_seconds = seconds(session_seconds)?.as_secs();
        let endpoints = endpoints.into_iter().map(|(name, variants)| {
            let variants = variants.into_iter().map(variant).collect();
            let components = Vec::new();
            let models_folder = None;
            (name, Endpoint { variants, components, models_folder, model_timeout, stream_timeout })
        });
        let known = credentials.map(|known| {
            let known = known.into_iter();
            known
                .map(|(id, secret, token, expires_at, endpoints)| {
                    known_as(id, (secret, token, expires_at, endpoints))
                })
                .collect()
        });
        let address: IpAddr =
            host.parse().map_err(|_error| PyValueError::new_err("host is no IP address"))?;
        let settings = Settings {
            changeable: Changeable { tls: None, endpoints: endpoints.collect(), known },
            address,
            port,
            region,
            lookup,
            limits: Limits { max_body_bytes, ..Limits::default() },
            session_seconds: i64::try_from(session_seconds).unwrap_or(i64::MAX),
            ping_every: (!ping_every.is_zero()).then_some(ping_every),
            // An endpoint of a test is called as soon as it is there.
            ping_first: false,
            queue: queue.map(queue_settings).transpose()?,
            threads: 1,
            observer: None,
            clock: clock::since_1970,
            // The standard library seeds its hash maps from the system's randomness.
            seed: [RandomState::new().hash_one(0), RandomState::new().hash_one(1)],
        };
        Ok(Self { server: start(py, settings)? })
    }

    /// The port that the server listens on.
    #[getter]
    fn port(&self) -> u16 {
        self.server.port()
    }

    /// Wait for a call that has waited `patience` seconds; None once the server has stopped.
    fn take(&self, py: Python<'_>, patience: f64) -> PyResult<Option<PyCall>> {
        let patience = seconds(patience)?;
        Ok(py.detach(|| self.server.take(patience)).map(PyCall::new))
    }

    /// Wait for a key that somebody wants to know; None once the server has stopped.
    fn take_lookup(&self, py: Python<'_>) -> Option<PyLookup> {
        py.detach(|| self.server.take_lookup()).map(PyLookup::new)
    }

    /// Say what is to happen to the endpoint's next calls, one fault a call.
    fn script(&self, endpoint_name: &str, faults: Vec<FaultTuple>) -> PyResult<()> {
        let faults = faults
            .into_iter()
            .map(|(delay, status, code, message, drops)| {
                let error = (status != 0).then_some((status, code, message));
                Ok(Fault { delay: seconds(delay)?, error, drops })
            })
            .collect::<PyResult<Vec<_>>>()?;
        self.server.script(endpoint_name, faults);
        Ok(())
    }

    /// Refuse new connections at once, give calls in flight `grace` seconds, then end all.
    fn stop(&self, py: Python<'_>, grace: f64) -> PyResult<()> {
        let grace = seconds(grace)?;
        py.detach(|| self.server.stop(grace));
        Ok(())
    }
}

/// A key that somebody wants to know.
#[pyclass(name = "Lookup", frozen)]
pub(crate) struct PyLookup {
    access_key_id: String,
    lookup: Mutex<Option<server::Lookup>>,
}

impl PyLookup {
    pub(crate) fn new(lookup: server::Lookup) -> Self {
        Self { access_key_id: lookup.access_key_id.clone(), lookup: Mutex::new(Some(lookup)) }
    }
}

#[pymethods]
impl PyLookup {
    #[getter]
    fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Say what was found: secret, token, expiry, patterns of endpoint names; or None.
    fn answer(&self, found: Option<Found>) {
        let lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lookup) = lookup {
            lookup.answer(found.map(|found| known_as(self.access_key_id.clone(), found)));
        }
    }
}

fn known_as(access_key_id: String, found: Found) -> Known {
    let (secret_access_key, token, expires_at, endpoints) = found;
    Known {
        credentials: Credentials { access_key_id, secret_access_key, token, expires_at },
        endpoints,
    }
}

fn variant((name, weight, containers): VariantTuple) -> Variant {
    let address = |(host, port, path)| ContainerAddress { host, port, path, hostname: None };
    let target = containers.map_or(Target::Handler, |containers| {
        Target::Containers(containers.into_iter().map(address).collect())
    });
    Variant { name, weight, target }
}

fn queue_settings(
    (database, folder, output, failure, workers): QueueTuple,
) -> PyResult<QueueSettings> {
    let prefix = |text: &str| {
        Location::parse_prefix(text)
            .ok_or_else(|| PyValueError::new_err(format!("{text:?} is no place in S3")))
    };
    Ok(QueueSettings {
        database,
        storage: StorageSettings::Folder(folder),
        output: prefix(&output)?,
        failure: prefix(&failure)?,
        workers,
    })
}

fn start(py: Python<'_>, settings: Settings) -> PyResult<server::Server> {
    py.detach(|| server::Server::start(settings)).map_err(|error| {
        let (server::StartError::Listen(error) | server::StartError::Queue(error)) = error;
        // OSError picks its subclass by the number.
        match error.raw_os_error() {
            Some(number) => PyOSError::new_err((number, error.to_string())),
            None => error.into(),
        }
    })
}

/// One request on its way to a handler.
#[pyclass(name = "Call", frozen)]
struct PyCall {
    endpoint_name: String,
    variant_name: String,
    operation: Operation,
    headers: HeaderMap,
    body: Bytes,
    answer: Mutex<AnswerState>,
}

/// How far a call has been answered.
enum AnswerState {
    Waiting(Whole),
    InParts(Parts),
    Answered,
}

impl PyCall {
    fn new(call: server::Call) -> Self {
        Self {
            endpoint_name: call.endpoint_name,
            variant_name: call.variant_name,
            operation: call.operation,
            headers: call.headers,
            body: call.body,
            answer: Mutex::new(AnswerState::Waiting(call.whole)),
        }
    }

    fn step(&self, next: impl FnOnce(AnswerState) -> AnswerState) {
        let mut state = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::mem::replace(&mut *state, AnswerState::Answered);
        *state = next(now);
    }

    fn parts(&self) -> Option<Parts> {
        match &*self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            AnswerState::InParts(parts) => Some(parts.clone()),
            AnswerState::Waiting(_) | AnswerState::Answered => None,
        }
    }
}

#[pymethods]
impl PyCall {
    #[getter]
    fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    #[getter]
    fn variant_name(&self) -> &str {
        &self.variant_name
    }

    #[getter]
    fn operation<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::intern(py, self.operation.name())
    }

    /// Names in lower case, values as the bytes on the wire read as Latin-1.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, value) in &self.headers {
            list.append((name.as_str(), latin1(value)))?;
        }
        Ok(list)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.body)
    }

    /// Whether nobody waits for the answer any more.
    #[getter]
    fn gone(&self) -> bool {
        match &*self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            AnswerState::Waiting(whole) => whole.is_gone(),
            AnswerState::InParts(parts) => parts.is_gone(),
            AnswerState::Answered => true,
        }
    }

    /// Give the whole answer.
    fn answer(
        &self,
        status: u16,
        headers: Vec<(String, String)>,
        body: PyBackedBytes,
    ) -> PyResult<()> {
        let headers = header_map(headers)?;
        let body = if body.len() <= COPY_UP_TO_BYTES {
            Bytes::copy_from_slice(&body)
        } else {
            Bytes::from_owner(body)
        };
        self.step(|state| {
            if let AnswerState::Waiting(whole) = state {
                whole.answer(status, headers, body);
            }
            AnswerState::Answered
        });
        Ok(())
    }

    /// Give the head of an answer whose parts follow.
    fn begin(&self, status: u16, headers: Vec<(String, String)>) -> PyResult<()> {
        let headers = header_map(headers)?;
        self.step(|state| match state {
            AnswerState::Waiting(whole) => AnswerState::InParts(whole.begin(status, headers)),
            AnswerState::InParts(_) | AnswerState::Answered => AnswerState::Answered,
        });
        Ok(())
    }

    /// Give one part, once there is room for it; False when nobody wants it any more.
    fn send(&self, py: Python<'_>, part: &Bound<'_, PyBytes>) -> bool {
        let Some(parts) = self.parts() else { return false };
        let part = Bytes::copy_from_slice(part.as_bytes());
        py.detach(|| parts.send(part))
    }

    /// Say that all parts were given.
    fn finish(&self, py: Python<'_>) {
        if let Some(parts) = self.parts() {
            py.detach(|| parts.finish());
        }
        self.step(|_done| AnswerState::Answered);
    }

    /// Say that no more parts can be given, and why: the caller must not take them for the whole.
    fn abort(&self, py: Python<'_>, message: String) {
        if let Some(parts) = self.parts() {
            py.detach(|| parts.abort(message));
        }
        self.step(|_dropped| AnswerState::Answered);
    }
}

fn seconds(number: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(number).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

fn header_map(pairs: Vec<(String, String)>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let value: Option<Vec<u8>> =
            value.chars().map(|character| u8::try_from(character).ok()).collect();
        let header = value.and_then(|value| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(&value).ok()?))
        });
        let Some((name, value)) = header else {
            return Err(PyValueError::new_err(format!("the header {name} cannot be sent")));
        };
        headers.append(name, value);
    }
    Ok(headers)
}
