//! The door of `serve`: a service from a configuration file's text. Native only.

use std::hash::{BuildHasher, RandomState};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use sagewire_net::serve::{Config, Service, StartError};

use crate::server::PyLookup;
use crate::support::clock;

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyService>()
}

/// A service that runs from its construction until `stop`.
#[pyclass(name = "Service", frozen)]
struct PyService {
    service: Service,
    credentials_from: Option<String>,
    secure: bool,
    needs_signature: bool,
    host: String,
}

#[pymethods]
impl PyService {
    #[new]
    fn new(py: Python<'_>, text: &str, environment: &Bound<'_, PyAny>) -> PyResult<Self> {
        let config = parsed(text, environment)?;
        let credentials_from = config.credentials_from.clone();
        let secure = config.tls.is_some();
        let needs_signature = config.changeable.known.is_some();
        let host = config.listen.ip().to_string();
        // The standard library seeds its hash maps from the system's randomness.
        let seed = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
        let service = py
            .detach(|| Service::start(config, clock::since_1970, seed))
            .map_err(|error| failed(&error))?;
        Ok(Self { service, credentials_from, secure, needs_signature, host })
    }

    /// Say what is wrong with a configuration, by raising it.
    #[staticmethod]
    fn check(text: &str, environment: &Bound<'_, PyAny>) -> PyResult<()> {
        Service::check(&parsed(text, environment)?).map_err(|error| failed(&error))
    }

    #[getter]
    fn host(&self) -> &str {
        &self.host
    }

    #[getter]
    fn port(&self) -> u16 {
        self.service.port()
    }

    #[getter]
    fn admin_port(&self) -> Option<u16> {
        self.service.admin_port()
    }

    /// Whether it speaks TLS.
    #[getter]
    fn secure(&self) -> bool {
        self.secure
    }

    /// Whether calls have to be signed.
    #[getter]
    fn needs_signature(&self) -> bool {
        self.needs_signature
    }

    /// The function that knows more credentials, as the file names it.
    #[getter]
    fn credentials_from(&self) -> Option<&str> {
        self.credentials_from.as_deref()
    }

    /// Wait for a key that somebody wants to know; None once the service has stopped.
    fn take_lookup(&self, py: Python<'_>) -> Option<PyLookup> {
        py.detach(|| self.service.take_lookup()).map(PyLookup::new)
    }

    /// Serve by another configuration from now on.
    fn reload(&self, py: Python<'_>, text: &str, environment: &Bound<'_, PyAny>) -> PyResult<()> {
        let config = parsed(text, environment)?;
        py.detach(|| self.service.reload(config)).map_err(|error| failed(&error))
    }

    /// Take no more connections, let calls in flight end, then end.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.service.stop());
    }
}

fn parsed(text: &str, environment: &Bound<'_, PyAny>) -> PyResult<Config> {
    // What the mapping's `get` raises is no value either; the error then says that it is not set.
    let variable = |name: &str| environment.call1((name,)).ok()?.extract().ok();
    Config::parse(text, variable, clock::since_1970)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

fn failed(error: &StartError) -> PyErr {
    match error {
        StartError::Fixed(_) => PyValueError::new_err(error.to_string()),
        _ => PyOSError::new_err(error.to_string()),
    }
}
