//! The door of `eventstream`.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use sagewire_core::eventstream::{self, EncodeError, FrameError, HeaderValue, parse_headers};

use crate::support::errors::{invalid_argument, raise_with};
use crate::support::gil::DETACH_THRESHOLD_BYTES;
use crate::transport::Response;

/// Adds this capability's classes and functions to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Message>()?;
    module.add_class::<Decoder>()?;
    module.add_class::<Lines>()?;
    module.add_class::<Reader>()?;
    module.add_function(wrap_pyfunction!(encode_part, module)?)?;
    module.add_function(wrap_pyfunction!(encode_exception, module)?)?;
    module.add_function(wrap_pyfunction!(encode_error, module)?)
}

/// A message that is not a plain part.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Message {
    /// By name.
    #[pyo3(get)]
    headers: Py<PyDict>,
    /// The payload.
    #[pyo3(get)]
    payload: Py<PyBytes>,
}

/// Takes bytes as they arrive and finds the messages in them.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Decoder(Slot);

#[pymethods]
impl Decoder {
    #[new]
    fn new() -> Self {
        Self(Slot::new())
    }

    /// Take more bytes and return the messages that they complete.
    fn feed<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyBytes>,
    ) -> PyResult<Bound<'py, PyList>> {
        let bytes = data.as_bytes();
        self.0.with(|decoder| {
            if bytes.len() < DETACH_THRESHOLD_BYTES {
                decoder.feed(bytes);
            } else {
                py.detach(|| decoder.feed(bytes));
            }
            listed(py, decoder)
        })
    }

    /// Raise what ended the stream, if anything has.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.0.with(|decoder| at_end(py, decoder, 0))
    }

    /// Raise `check`'s error, or `ResponseStreamingError` if a message has only begun.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.0.with(|decoder| at_end(py, decoder, decoder.unfinished()))
    }
}

/// A decoder, and whether somebody has it: no lock is held while waiting.
struct Slot(Mutex<Option<eventstream::Decoder>>);

impl Slot {
    fn new() -> Self {
        Self(Mutex::new(Some(eventstream::Decoder::default())))
    }

    fn with<T>(&self, work: impl FnOnce(&mut eventstream::Decoder) -> PyResult<T>) -> PyResult<T> {
        let Some(mut decoder) = lock(&self.0).take() else {
            return Err(PyRuntimeError::new_err("another thread is reading this stream"));
        };
        let done = work(&mut decoder);
        *lock(&self.0) = Some(decoder);
        done
    }
}

/// Splits at line ends, wherever the pieces are cut.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Lines(Mutex<eventstream::Lines>);

#[pymethods]
impl Lines {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Take a piece and return the lines that it ends.
    fn feed<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut result = Ok(());
        lock(&self.0).feed(data, |line| {
            if result.is_ok() {
                result = list.append(PyBytes::new(py, line));
            }
        });
        result.map(|()| list)
    }

    /// Return the last line, where the stream ended without a line end.
    fn finish<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        lock(&self.0).finish().map(|line| PyBytes::new(py, &line))
    }
}

/// The messages in the body of a response.
#[pyclass(frozen, module = "sagewire._native._ext")]
struct Reader {
    response: Py<Response>,
    decoder: Slot,
}

#[pymethods]
impl Reader {
    #[new]
    fn new(response: Py<Response>) -> Self {
        Self { response, decoder: Slot::new() }
    }

    /// Return the messages that have arrived, waiting only if there is none; none at the end.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.decoder.with(|decoder| self.read_into(py, decoder))
    }

    /// Give up what is left.
    fn close(&self) {
        self.response.get().close();
    }
}

impl Reader {
    fn read_into<'py>(
        &self,
        py: Python<'py>,
        decoder: &mut eventstream::Decoder,
    ) -> PyResult<Bound<'py, PyList>> {
        decoder.forget();
        if decoder.failure().is_none() {
            // Reading and checking are one stretch without the interpreter.
            self.response.get().turn(
                py,
                |response| !response.is_over(),
                |response| {
                    py.detach(|| {
                        while !response.is_over() {
                            decoder.fill(|buffer| response.read_some(buffer))?;
                            if decoder.ready().len() > 0 || decoder.failure().is_some() {
                                break;
                            }
                        }
                        Ok(())
                    })
                },
            )?;
        }
        if decoder.ready().len() == 0 {
            at_end(py, decoder, decoder.unfinished())?;
        }
        listed(py, decoder)
    }
}

/// The messages that are ready: a plain part as its payload, anything else as a `Message`.
fn listed<'py>(py: Python<'py>, decoder: &eventstream::Decoder) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for message in decoder.ready() {
        let payload = PyBytes::new(py, message.payload);
        if message.is_part {
            list.append(payload)?;
            continue;
        }
        let headers = PyDict::new(py);
        for (name, value) in parse_headers(message.headers).map_err(|error| raised(py, &error))? {
            match value {
                HeaderValue::Bool(value) => headers.set_item(name, value)?,
                HeaderValue::Integer { value, .. } | HeaderValue::Timestamp(value) => {
                    headers.set_item(name, value)?;
                }
                HeaderValue::Bytes(value) | HeaderValue::Uuid(value) => {
                    headers.set_item(name, PyBytes::new(py, value))?;
                }
                HeaderValue::Text(value) => headers.set_item(name, value)?,
            }
        }
        let (headers, payload) = (headers.unbind(), payload.unbind());
        list.append(Bound::new(py, Message { headers, payload })?)?;
    }
    Ok(list)
}

fn at_end(py: Python<'_>, decoder: &eventstream::Decoder, unfinished: usize) -> PyResult<()> {
    if let Some(failure) = decoder.failure() {
        return Err(raised(py, failure));
    }
    if unfinished > 0 {
        let words =
            format!("the stream ended inside an event, of which it brought {unfinished} bytes");
        return Err(raise_with(py, "ResponseStreamingError", |fields| {
            fields.set_item("error", words)
        }));
    }
    Ok(())
}

fn raised(py: Python<'_>, failure: &FrameError) -> PyErr {
    match failure {
        FrameError::Checksum { expected, calculated } => {
            raise_with(py, "ChecksumMismatch", |fields| {
                fields.set_item("expected", expected)?;
                fields.set_item("calculated", calculated)
            })
        }
        FrameError::HeadersTooLong { length, maximum } => {
            raise_with(py, "InvalidHeadersLength", |fields| {
                fields.set_item("length", length)?;
                fields.set_item("maximum", maximum)
            })
        }
        FrameError::PayloadTooLong(length) => {
            raise_with(py, "InvalidPayloadLength", |fields| fields.set_item("length", length))
        }
        FrameError::TooShort(length) => {
            raise_with(py, "InvalidMessageLength", |fields| fields.set_item("length", length))
        }
        FrameError::DuplicateHeader(name) => {
            raise_with(py, "DuplicateHeader", |fields| fields.set_item("header", name))
        }
        FrameError::Headers(problem) => {
            raise_with(py, "InvalidHeaders", |fields| fields.set_item("problem", problem))
        }
    }
}

/// Return a piece of the model's answer, as the service sends it.
#[pyfunction]
fn encode_part<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    written(py, eventstream::encode_part(payload))
}

/// Return a modeled error: `ModelStreamError` or `InternalStreamFailure`, and its JSON.
#[pyfunction]
fn encode_exception<'py>(
    py: Python<'py>,
    name: &str,
    json: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    written(py, eventstream::encode_exception(name, json))
}

/// Return an error that is not modeled.
#[pyfunction]
fn encode_error<'py>(py: Python<'py>, code: &str, message: &str) -> PyResult<Bound<'py, PyBytes>> {
    written(py, eventstream::encode_error(code, message))
}

fn written(py: Python<'_>, message: Result<Vec<u8>, EncodeError>) -> PyResult<Bound<'_, PyBytes>> {
    match message {
        Ok(message) => Ok(PyBytes::new(py, &message)),
        Err(error) => {
            let (argument, allowed) = error.argument();
            Err(invalid_argument(py, argument, &error.to_string(), allowed))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
