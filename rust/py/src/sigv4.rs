//! The door of `sigv4`.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use sagewire_core::sigv4::{
    self, Credentials, Header, InvalidArgument, Payload, SignatureError, SignerOptions,
    VerifierOptions,
};

use crate::support::errors::{invalid_argument, raise_with};
use crate::support::gil::DETACH_THRESHOLD_BYTES;

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Signer>()?;
    module.add_class::<EventSigner>()?;
    module.add_class::<Verifier>()?;
    module.add_function(wrap_pyfunction!(sha256_hex, module)?)
}

/// Return the SHA-256 of bytes in lower-case hexadecimal.
#[pyfunction]
fn sha256_hex(py: Python<'_>, data: &Bound<'_, PyBytes>) -> String {
    let bytes = data.as_bytes();
    if bytes.len() < DETACH_THRESHOLD_BYTES {
        return sigv4::sha256_hex(bytes);
    }
    py.detach(|| sigv4::sha256_hex(bytes))
}

/// Signs requests with one set of credentials for one region and service.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct Signer(Arc<sigv4::Signer>);

impl Signer {
    /// The signer below.
    pub(crate) fn inner(&self) -> &sigv4::Signer {
        &self.0
    }
}

#[pymethods]
impl Signer {
    #[new]
    #[pyo3(signature = (access_key_id, secret_access_key, token, region, service, normalize_path, double_encode, content_sha256_header))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "the seam")]
    fn new(
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
        region: String,
        service: String,
        normalize_path: bool,
        double_encode: bool,
        content_sha256_header: bool,
    ) -> Self {
        let credentials = Credentials { access_key_id, secret_access_key, token, expires_at: None };
        let options =
            SignerOptions { region, service, normalize_path, double_encode, content_sha256_header };
        Self(Arc::new(sigv4::Signer::new(credentials, options)))
    }

    /// Return the headers to add, in the order of the wire.
    fn sign<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        url: &str,
        headers: &Bound<'py, PyList>,
        body: &Bound<'py, PyAny>,
        at: i64,
    ) -> PyResult<Bound<'py, PyList>> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        let signature = self
            .0
            .sign(method, url, &texts.headers()?, hash.payload(body)?, at)
            .map_err(|error| refused(py, &error))?;
        let pair = |name: &Bound<'py, PyString>, value: &str| {
            PyTuple::new(py, [name, &PyString::new(py, value)])
        };
        let mut added = Vec::with_capacity(4);
        added.push(pair(intern!(py, "X-Amz-Date"), &signature.date)?);
        if let Some(token) = self.0.credentials().token.as_deref().filter(|t| !t.is_empty()) {
            added.push(pair(intern!(py, "X-Amz-Security-Token"), token)?);
        }
        if let Some(hash) = &signature.content_sha256 {
            added.push(pair(intern!(py, "X-Amz-Content-SHA256"), hash)?);
        }
        added.push(pair(intern!(py, "Authorization"), &signature.authorization)?);
        PyList::new(py, added)
    }

    /// Return the `Authorization` of a request as it is given.
    fn authorize(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        at: i64,
    ) -> PyResult<String> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        self.0
            .authorize(method, url, &texts.headers()?, hash.payload(body)?, at)
            .map_err(|error| refused(py, &error))
    }

    /// Return the canonical request of `sign`.
    fn canonical_request(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        at: i64,
    ) -> PyResult<String> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        self.0
            .canonical_request(method, url, &texts.headers()?, hash.payload(body)?, at)
            .map_err(|error| refused(py, &error))
    }

    /// Return the string to sign of `sign`.
    fn string_to_sign(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        at: i64,
    ) -> PyResult<String> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        self.0
            .string_to_sign(method, url, &texts.headers()?, hash.payload(body)?, at)
            .map_err(|error| refused(py, &error))
    }

    /// Return the URL with the signature in its query.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn presign(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        expires_in: &str,
        at: i64,
        strict: bool,
    ) -> PyResult<String> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        self.0
            .presign(method, url, &texts.headers()?, hash.payload(body)?, expires_in, at, strict)
            .map_err(|error| refused(py, &error))
    }

    /// Return the canonical request and the string to sign of `presign`.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn presign_stages(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        expires_in: &str,
        at: i64,
        strict: bool,
    ) -> PyResult<(String, String)> {
        let (texts, hash) = (Texts::from_list(headers)?, Hash::of(py, body));
        self.0
            .presign_stages(
                method,
                url,
                &texts.headers()?,
                hash.payload(body)?,
                expires_in,
                at,
                strict,
            )
            .map_err(|error| refused(py, &error))
    }

    /// Return a chain of signed event-stream messages.
    fn event_signer(&self, py: Python<'_>, seed_signature: &str) -> PyResult<EventSigner> {
        let chain = self.0.event_signer(seed_signature).map_err(|error| refused(py, &error))?;
        Ok(EventSigner(Mutex::new(chain)))
    }
}

/// Signs one event-stream message after the other.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct EventSigner(Mutex<sigv4::EventSigner>);

#[pymethods]
impl EventSigner {
    /// Return the next signed message around `payload`.
    fn sign<'py>(
        &self,
        py: Python<'py>,
        payload: &Bound<'py, PyBytes>,
        at: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = payload.as_bytes();
        // Detached before the lock is taken: a waiting thread never holds the interpreter.
        let message = py
            .detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).sign(bytes, at))
            .map_err(|error| refused(py, &error))?;
        Ok(PyBytes::new(py, &message))
    }

    /// The signature that the next one covers.
    #[getter]
    fn prior_signature(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).prior_signature())
    }
}

type Identity = (String, Vec<String>, i64, String);

/// Checks signatures for one region and service.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Verifier(sigv4::Verifier);

#[pymethods]
impl Verifier {
    #[new]
    #[pyo3(signature = (region, service, max_skew, normalize_path, double_encode))]
    fn new(
        region: String,
        service: String,
        max_skew: i64,
        normalize_path: bool,
        double_encode: bool,
    ) -> Self {
        let options = VerifierOptions { region, service, max_skew, normalize_path, double_encode };
        Self(sigv4::Verifier::new(options))
    }

    /// Return who signed: access key id, signed headers, time, credential scope.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn verify(
        &self,
        py: Python<'_>,
        lookup: &Bound<'_, PyAny>,
        method: &[u8],
        target: &[u8],
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        at: i64,
    ) -> PyResult<Identity> {
        let (pairs, hash) = (Octets::from_list(headers)?, Hash::of(py, body));
        let identity = self
            .0
            .verify(method, target, &pairs.headers(), hash.payload(body)?, found(lookup), at)
            .map_err(|failure| failure.into_py(py))?;
        let sigv4::Identity { access_key_id, signed_headers, signed_at, scope } = identity;
        Ok((access_key_id, signed_headers, signed_at, scope))
    }

    /// Return the canonical request, the string to sign and the first thing that differs.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn explain(
        &self,
        py: Python<'_>,
        lookup: &Bound<'_, PyAny>,
        method: &[u8],
        target: &[u8],
        headers: &Bound<'_, PyList>,
        body: &Bound<'_, PyAny>,
        at: i64,
    ) -> PyResult<(String, String, Option<String>)> {
        let (pairs, hash) = (Octets::from_list(headers)?, Hash::of(py, body));
        let seen = self
            .0
            .explain(method, target, &pairs.headers(), hash.payload(body)?, found(lookup), at)
            .map_err(|failure| failure.into_py(py))?;
        Ok((seen.canonical_request, seen.string_to_sign, seen.difference))
    }
}

/// What can end a check: the signature, or the caller's own `lookup`.
enum Failure {
    Signature(SignatureError),
    Lookup(PyErr),
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        Self::Signature(error)
    }
}

impl Failure {
    fn into_py(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Lookup(error) => error,
            Self::Signature(error) => raise_with(py, "SignatureError", |fields| {
                fields.set_item("code", error.code())?;
                fields.set_item("status", error.status())?;
                fields.set_item("message", error.message)
            }),
        }
    }
}

/// Asks Python for the credentials of an access key id: (secret, token, expiry) or `None`.
fn found(lookup: &Bound<'_, PyAny>) -> impl FnOnce(&str) -> Result<Option<Credentials>, Failure> {
    move |access_key_id| {
        type Found = Option<(String, Option<String>, Option<i64>)>;
        let answer = lookup.call1((access_key_id,)).and_then(|answer| answer.extract::<Found>());
        let known = answer.map_err(Failure::Lookup)?;
        Ok(known.map(|(secret_access_key, token, expires_at)| Credentials {
            access_key_id: access_key_id.to_owned(),
            secret_access_key,
            token,
            expires_at,
        }))
    }
}

pub(crate) fn refused(py: Python<'_>, error: &InvalidArgument) -> PyErr {
    invalid_argument(py, error.argument, &error.problem, error.allowed)
}

/// Headers as Python holds them, so that their text can be borrowed.
struct Texts<'py>(Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>);

impl<'py> Texts<'py> {
    fn from_list(headers: &Bound<'py, PyList>) -> PyResult<Self> {
        headers.iter().map(|pair| pair.extract()).collect::<PyResult<_>>().map(Self)
    }

    fn headers(&self) -> PyResult<Vec<Header<'_>>> {
        let mut headers = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            headers.push((name.to_str()?.as_bytes(), value.to_str()?.as_bytes()));
        }
        Ok(headers)
    }
}

/// Headers of a received request: bytes of the wire.
struct Octets<'py>(Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>);

impl<'py> Octets<'py> {
    fn from_list(headers: &Bound<'py, PyList>) -> PyResult<Self> {
        headers.iter().map(|pair| pair.extract()).collect::<PyResult<_>>().map(Self)
    }

    fn headers(&self) -> Vec<Header<'_>> {
        self.0.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }
}

/// The hash of a large body, made while detached from the interpreter.
struct Hash(Option<String>);

impl Hash {
    fn of(py: Python<'_>, body: &Bound<'_, PyAny>) -> Self {
        let Ok(body) = body.cast::<PyBytes>() else {
            return Self(None);
        };
        let bytes = body.as_bytes();
        let large = bytes.len() >= DETACH_THRESHOLD_BYTES;
        Self(large.then(|| py.detach(|| sigv4::sha256_hex(bytes))))
    }

    fn payload<'a>(&'a self, body: &'a Bound<'_, PyAny>) -> PyResult<Payload<'a>> {
        if let Some(hash) = &self.0 {
            Ok(Payload::Hash(hash))
        } else if let Ok(body) = body.cast::<PyBytes>() {
            Ok(Payload::Body(body.as_bytes()))
        } else if let Ok(hash) = body.cast::<PyString>() {
            Ok(Payload::Hash(hash.to_str()?))
        } else {
            Err(PyTypeError::new_err("body must be bytes or str"))
        }
    }
}
