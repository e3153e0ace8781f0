//! The door of `headers`: takes pairs, asks core which stay, returns those.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use sagewire_core::headers::{self, HeaderError, Operation};

use crate::support::errors::invalid_argument;

/// Adds this capability's functions to the extension module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(filter_request, module)?)?;
    module.add_function(wrap_pyfunction!(filter_response, module)?)
}

/// Return the headers of a request that `operation` supports.
#[pyfunction]
fn filter_request<'py>(
    headers: &Bound<'py, PyList>,
    operation: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyList>> {
    let pairs = Pairs::from_list(headers)?;
    let kept = headers::filter_request(pairs.texts(), operation_named(operation)?);
    pairs.keep(headers.py(), kept)
}

/// Return the headers of a response that `operation` supports.
#[pyfunction]
fn filter_response<'py>(
    headers: &Bound<'py, PyList>,
    operation: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyList>> {
    let pairs = Pairs::from_list(headers)?;
    let kept = headers::filter_response(pairs.texts(), operation_named(operation)?);
    pairs.keep(headers.py(), kept)
}

type Pair<'py> = (Bound<'py, PyString>, Bound<'py, PyString>);

/// The caller's own pairs beside their text: what stays goes back as the same objects.
struct Pairs<'py> {
    given: Vec<Pair<'py>>,
    text: Vec<(String, String)>,
}

impl<'py> Pairs<'py> {
    fn from_list(headers: &Bound<'py, PyList>) -> PyResult<Self> {
        let mut given = Vec::with_capacity(headers.len());
        let mut text = Vec::with_capacity(headers.len());
        for pair in headers.iter() {
            let (name, value): Pair<'py> = pair.extract()?;
            // A lone surrogate becomes U+FFFD, which is refused like any text outside Latin-1.
            text.push((name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
            given.push((name, value));
        }
        Ok(Self { given, text })
    }

    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn keep(
        &self,
        py: Python<'py>,
        kept: Result<Vec<usize>, HeaderError>,
    ) -> PyResult<Bound<'py, PyList>> {
        let kept = kept.map_err(|error| {
            invalid_argument(py, "headers", &error.to_string(), headers::ALLOWED_TEXT)
        })?;
        let list = PyList::empty(py);
        for pair in kept.into_iter().filter_map(|number| self.given.get(number)) {
            list.append(PyTuple::new(py, [&pair.0, &pair.1])?)?;
        }
        Ok(list)
    }
}

fn operation_named(operation: &Bound<'_, PyString>) -> PyResult<Operation> {
    if let Some(known) = Operation::from_name(&operation.to_string_lossy()) {
        return Ok(known);
    }
    let problem =
        format!("{} is not an operation of SageMaker Runtime", operation.repr()?.to_str()?);
    let allowed = Operation::ALL.map(Operation::name).join(", ");
    Err(invalid_argument(operation.py(), "operation", &problem, &allowed))
}
