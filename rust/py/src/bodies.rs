//! The door of `bodies`: what is read of an answer, counted and held against its `Content-Length`.
//!
//! Nothing here knows the wire. It is native for what a call costs: a body that is read at once is
//! read by no Python function.

use pyo3::exceptions::PyAttributeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyTuple};

use crate::support::errors::raise_with;
use crate::transport::Response;

/// As many digits are a number of 64 bits whatever they are.
const PLAIN_DIGITS: usize = 18;

/// Adds this capability's classes to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Body>()
}

/// A body, read from anything that has bytes.
#[pyclass(subclass, module = "sagewire._native._ext")]
pub(crate) struct Body {
    #[pyo3(set, name = "_raw_stream")]
    raw: Option<Py<PyAny>>,
    #[pyo3(get, set, name = "_content_length")]
    length: Option<Py<PyAny>>,
    #[pyo3(get, set, name = "_amount_read")]
    amount_read: u64,
}

impl Body {
    /// Has it read from a response of this length.
    pub(crate) fn fill(&mut self, raw: Py<PyAny>, length: Option<Py<PyAny>>) {
        self.raw = Some(raw);
        self.length = length;
    }

    fn count(this: &Bound<'_, Self>, count: usize) {
        let mut this = this.borrow_mut();
        this.amount_read = this.amount_read.saturating_add(count as u64);
    }

    fn check_length(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let (read, length) = {
            let this = this.borrow();
            let Some(length) = &this.length else { return Ok(()) };
            (this.amount_read, length.clone_ref(py).into_bound(py))
        };
        if plain_number(&length) == Some(read) {
            return Ok(());
        }
        let expected = py.get_type::<PyInt>().call1((length,))?;
        if expected.eq(read)? {
            return Ok(());
        }
        Err(raise_with(py, "IncompleteReadError", |fields| {
            fields.set_item("actual_bytes", read)?;
            fields.set_item("expected_bytes", expected)
        }))
    }
}

#[pymethods]
impl Body {
    #[new]
    #[pyo3(signature = (*_args, **_options), text_signature = "(raw_stream, content_length)")]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { raw: None, length: None, amount_read: 0 }
    }

    #[pyo3(signature = (raw_stream, content_length))]
    fn __init__(this: &Bound<'_, Self>, raw_stream: Py<PyAny>, content_length: Option<Py<PyAny>>) {
        let made = Self { raw: Some(raw_stream), length: content_length, amount_read: 0 };
        // What was there goes when nothing is borrowed any more: it may look at this.
        let before = std::mem::replace(&mut *this.borrow_mut(), made);
        drop(before);
    }

    #[getter(_raw_stream)]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let raw = self.raw.as_ref().ok_or_else(|| PyAttributeError::new_err("_raw_stream"))?;
        Ok(raw.clone_ref(py).into_bound(py))
    }

    /// Return at most `amt` bytes (all that is left if `None` or negative), `b""` at the end.
    #[pyo3(signature = (amt=None))]
    fn read<'py>(
        this: &Bound<'py, Self>,
        amt: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let raw = this.borrow().raw(py)?;
        let amt = match amt {
            Some(amt) if amt.lt(0)? => None,
            other => other,
        };
        let data = match (raw.cast_exact::<Response>(), amt) {
            (Ok(response), None) => response.get().read(py, None)?.into_any(),
            (_, None) => raw.call_method0(intern!(py, "read"))?,
            (_, Some(amt)) => raw.call_method1(intern!(py, "read"), (amt,))?,
        };
        let count = match data.cast_exact::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes().len(),
            Err(_) => data.len()?,
        };
        Self::count(this, count);
        let is_end = match amt {
            None => true,
            Some(amt) => count == 0 && amt.is_truthy()?,
        };
        if is_end {
            Self::check_length(this)?;
        }
        Ok(data)
    }

    /// Read into a writable buffer and return the number of bytes, 0 at the end.
    fn readinto<'py>(
        this: &Bound<'py, Self>,
        b: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let raw = this.borrow().raw(py)?;
        let count = raw.call_method1(intern!(py, "readinto"), (b,))?;
        if count.is_truthy()? {
            Self::count(this, count.extract()?);
        } else if b.len()? > 0 {
            Self::check_length(this)?;
        }
        Ok(count)
    }

    /// Return the number of bytes read so far.
    fn tell(&self) -> u64 {
        self.amount_read
    }

    /// Give the rest up. `closed` stays `False`, as boto3 has it.
    fn close(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let raw = this.borrow().raw(py)?;
        raw.call_method0(intern!(py, "close")).map(drop)
    }

    /// Set how long, in seconds, each wait for more of this body may take from now on.
    fn set_socket_timeout(this: &Bound<'_, Self>, timeout: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = this.py();
        let raw = this.borrow().raw(py)?;
        raw.call_method1(intern!(py, "set_timeout"), (timeout,)).map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.raw)?;
        visit.call(&self.length)
    }

    fn __clear__(&mut self) {
        self.raw = None;
        self.length = None;
    }
}

/// The number that a text of a few digits is. Whatever else Python takes for one is left to it.
fn plain_number(length: &Bound<'_, PyAny>) -> Option<u64> {
    let text = length.cast_exact::<PyString>().ok()?.to_str().ok()?;
    let is_plain = text.len() <= PLAIN_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}
