//! What the answers of an endpoint have in common: the names, and nearly all of the values.
//!
//! An answer's dicts are copies of those of the first one, in which what differs is replaced. What
//! they hold is described by Python, once for each list of names.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use sagewire_net::transport::ResponseHead;

use super::{header_dict, header_text};

/// A success with certain headers, in this order.
pub(super) struct Layout {
    first: ResponseHead,
    /// Whether each name stands there once, and there are few enough to note which ones differ.
    is_plain: bool,
    keys: Vec<Py<PyString>>,
    headers: Py<PyDict>,
    metadata: Py<PyDict>,
    in_metadata: Vec<Place>,
    /// The items of the first result, as the arguments of what makes another of them.
    items: Py<PyTuple>,
    in_result: Vec<Place>,
}

/// A key whose value is that of a header.
struct Place {
    key: Py<PyString>,
    header: Py<PyString>,
    /// The header's place in the head.
    number: usize,
}

/// Which of an answer's headers differ from those of the first one, a bit each; `None` if any may.
type Changed = Option<u64>;

impl Layout {
    /// Asks `describe` what an answer with this head is: its metadata, the keys there whose values
    /// are those of headers, the other items of its result, and the same of them.
    pub(super) fn new(
        py: Python<'_>,
        head: &ResponseHead,
        describe: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        type Pairs = Vec<(Py<PyString>, Py<PyString>)>;
        let headers = header_dict(py, head)?;
        let (metadata, in_metadata, result, in_result): (_, Pairs, _, Pairs) =
            describe.call1((head.status, &headers))?.extract()?;
        let result: Py<PyDict> = result;
        let names: Vec<&str> = head.fields().map(|(name, _)| name).collect();
        let places = |pairs: Pairs| {
            pairs
                .into_iter()
                .map(|(key, header)| {
                    let name = header.bind(py).to_str()?;
                    let number = names.iter().position(|own| *own == name).unwrap_or_default();
                    Ok(Place { key, header, number })
                })
                .collect::<PyResult<Vec<Place>>>()
        };
        Ok(Self {
            is_plain: headers.bind(py).len() == names.len() && names.len() <= 64,
            keys: headers.bind(py).keys().extract()?,
            in_metadata: places(in_metadata)?,
            in_result: places(in_result)?,
            first: head.clone(),
            headers,
            metadata,
            items: PyTuple::new(py, [result])?.unbind(),
        })
    }

    /// Whether an answer has the same names.
    pub(super) fn fits(&self, head: &ResponseHead) -> bool {
        self.first.status == head.status && self.first.is_named_as(head)
    }

    /// An answer's headers, and which differ.
    pub(super) fn headers<'py>(
        &self,
        py: Python<'py>,
        head: &ResponseHead,
    ) -> PyResult<(Bound<'py, PyDict>, Changed)> {
        if !self.is_plain {
            return Ok((header_dict(py, head)?.into_bound(py), None));
        }
        let headers = self.headers.bind(py).copy()?;
        let mut changed = 0_u64;
        let values = self.first.field_values().zip(head.field_values()).zip(&self.keys);
        for (number, ((kept, value), key)) in values.enumerate() {
            if kept != value {
                headers.set_item(key, header_text(py, value))?;
                changed |= 1 << number;
            }
        }
        Ok((headers, Some(changed)))
    }

    /// The `ResponseMetadata` of an answer with these headers.
    pub(super) fn metadata<'py>(
        &self,
        headers: &(Bound<'py, PyDict>, Changed),
    ) -> PyResult<Bound<'py, PyDict>> {
        let copy = self.metadata.bind(headers.0.py()).copy()?;
        fill(copy.as_any(), &self.in_metadata, headers)?;
        Ok(copy)
    }

    /// Its result, but for metadata and body: the other items, in their order, given to `make`.
    pub(super) fn result<'py>(
        &self,
        make: &Bound<'py, PyAny>,
        headers: &(Bound<'py, PyDict>, Changed),
    ) -> PyResult<Bound<'py, PyAny>> {
        let result = make.call1(self.items.bind(make.py()))?;
        fill(&result, &self.in_result, headers)?;
        Ok(result)
    }
}

/// Replaces the values that are those of headers which differ.
fn fill(
    items: &Bound<'_, PyAny>,
    places: &[Place],
    (headers, changed): &(Bound<'_, PyDict>, Changed),
) -> PyResult<()> {
    for place in places {
        if changed.is_none_or(|changed| changed >> place.number & 1 == 1) {
            items.set_item(&place.key, headers.as_any().get_item(&place.header)?)?;
        }
    }
    Ok(())
}
