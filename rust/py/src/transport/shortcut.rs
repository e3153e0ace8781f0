//! A whole call in one crossing of the border, if it is plainly right and goes well.
//!
//! Whatever is unusual about a call is left to Python, which knows boto3's words: arguments that are
//! not plainly right before anything is sent, an attempt that did not succeed with how it ended.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyByteArrayMethods, PyBytes, PyDict, PyString, PyTuple, PyType};
use sagewire_core::sigv4::{self, Payload};
use sagewire_net::transport::{self, Identity, Order, ResponseHead};

use super::layout::Layout;
use super::template::{Ended, Template, attempted, whole_seconds};
use super::{Failure, Pool, Response, from_now, lock};
use crate::bodies::Body as ReadBody;
use crate::sigv4::Signer;
use crate::support::clock::since_1970;

/// As many layouts of answers are kept; an endpoint has one or two.
const LAYOUTS_KEPT: usize = 4;

/// The calls of one operation, as far as they are all the same.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct Shortcut {
    template: Py<Template>,
    /// `None` where an event loop's pool makes the calls.
    pool: Option<transport::Pool>,
    signer: Option<Py<Signer>>,
    /// Until when the signer's credentials are good, in seconds since 1970.
    until: f64,
    progress: String,
    largest: usize,
    targets: Py<PyDict>,
    members: Vec<Member>,
    /// Replacements of the system's clock and of chance.
    now: Option<Py<PyAny>>,
    new_id: Option<Py<PyAny>>,
    describe: Py<PyAny>,
    result: Py<PyAny>,
    make_body: MakeBody,
    layouts: Mutex<Vec<Arc<Layout>>>,
}

/// A parameter by its name.
struct Member {
    key: Py<PyString>,
    place: Place,
}

/// Where a parameter goes.
enum Place {
    Target,
    Body,
    Header { name: String, may_be_empty: bool },
}

/// How the body of a result is made of a response and its `content-length`.
enum MakeBody {
    /// By a call.
    Called(Py<PyAny>),
    /// By `new`, which only makes the object of this class, and by filling it here.
    Filled { new: Py<PyAny>, class: Py<PyTuple> },
}

/// The parameters of a call that are plainly right.
struct Plain<'a, 'py> {
    /// Target and URL.
    place: (Bound<'py, PyString>, Bound<'py, PyString>),
    body: Body<'py>,
    members: Vec<(&'a str, Bound<'py, PyString>)>,
}

type Headers<'a> = Vec<(&'a str, &'a str)>;

enum Body<'py> {
    Bytes(Bound<'py, PyBytes>),
    Text(Bound<'py, PyString>),
    /// May change under us while we are detached.
    Copied(Vec<u8>),
}

impl<'a> Plain<'a, '_> {
    /// Headers and body; `None` where a text is no Unicode.
    fn as_bytes(&'a self) -> Option<(Headers<'a>, &'a [u8])> {
        let mut members = Vec::with_capacity(self.members.len());
        for (header, value) in &self.members {
            members.push((*header, value.to_str().ok()?));
        }
        let body = match &self.body {
            Body::Bytes(body) => body.as_bytes(),
            Body::Text(body) => body.to_str().ok()?.as_bytes(),
            Body::Copied(body) => body,
        };
        Some((members, body))
    }
}

impl MakeBody {
    fn of<'py>(
        &self,
        response: &Bound<'py, PyAny>,
        length: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = response.py();
        match self {
            Self::Called(make) => make.bind(py).call1((response, length)),
            Self::Filled { new, class } => {
                let made = new.bind(py).call1(class.bind(py))?;
                let response = response.clone().unbind();
                made.cast::<ReadBody>()?.borrow_mut().fill(response, length.map(Bound::unbind));
                Ok(made)
            }
        }
    }
}

impl<'py> Body<'py> {
    /// A body of up to `largest` bytes; a larger one is not even copied or encoded.
    fn of(value: Bound<'py, PyAny>, largest: usize) -> Option<Self> {
        match value.cast_into_exact::<PyBytes>() {
            Ok(bytes) => Some(Self::Bytes(bytes)),
            Err(other) => match other.into_inner().cast_into_exact::<PyString>() {
                Ok(text) => (text.len().ok()? <= largest).then_some(Self::Text(text)),
                Err(other) => {
                    let array = other.into_inner().cast_into_exact::<PyByteArray>().ok()?;
                    (array.len() <= largest).then(|| Self::Copied(array.to_vec()))
                }
            },
        }
    }
}

#[pymethods]
impl Shortcut {
    #[new]
    #[pyo3(signature = (template, pool, signer, until, progress, largest, targets, headers, nonempty, now, new_id, describe, result, make_body))]
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn new(
        template: Py<Template>,
        pool: Option<&Bound<'_, Pool>>,
        signer: Option<Py<Signer>>,
        until: f64,
        progress: String,
        largest: usize,
        targets: Py<PyDict>,
        headers: &Bound<'_, PyDict>,
        nonempty: &Bound<'_, PyAny>,
        now: Option<Py<PyAny>>,
        new_id: Option<Py<PyAny>>,
        describe: Py<PyAny>,
        result: Py<PyAny>,
        make_body: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let py = headers.py();
        let member = |key: &Bound<'_, PyString>, place| Member { key: key.clone().unbind(), place };
        let mut members = vec![
            member(intern!(py, "EndpointName"), Place::Target),
            member(intern!(py, "Body"), Place::Body),
        ];
        for (key, header) in headers.iter() {
            let may_be_empty = !nonempty.contains(&key)?;
            let place = Place::Header { name: header.extract()?, may_be_empty };
            members.push(member(key.cast::<PyString>()?, place));
        }
        let make_body = match make_body.cast::<PyType>() {
            Ok(class) if class.is_subclass_of::<ReadBody>()? => MakeBody::Filled {
                new: class.getattr("__new__")?.unbind(),
                class: PyTuple::new(py, [class])?.unbind(),
            },
            _ => MakeBody::Called(make_body.clone().unbind()),
        };
        Ok(Self {
            template,
            pool: pool.map(|pool| pool.get().0.clone()),
            signer,
            until,
            progress,
            largest,
            targets,
            members,
            now,
            new_id,
            describe,
            result,
            make_body,
            layouts: Mutex::default(),
        })
    }

    /// Whether the credentials have come to their end.
    fn is_over(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.clock(py)? > self.until)
    }

    /// Make a call. Return its result; `None` for one that is not plain, of which nothing has been
    /// sent; or how its first attempt ended: its id, its seconds, an answer or else an error.
    fn invoke<'py>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyDict>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let begun = Instant::now();
        let Some(pool) = &self.pool else { return Ok(None) };
        let template = &self.template.get().0;
        self.ordered(py, parameters, |order, url, signing, body| {
            let end = timeout.map(from_now);
            let now = || Ok(whole_seconds(self.clock(py)?));
            let exchanged = attempted(py, template, pool, order, signing, body, end, &now)?;
            let url = url.clone().unbind();
            let (response, error) = match exchanged {
                Err(Ended::Unsent(_)) => return Ok(None),
                Err(Ended::Broken(error)) => (None, Some((order.url, error))),
                Ok(answer) if answer.head.status < 300 => {
                    let make_response = |answer, headers| {
                        let response = Response::with_headers(answer, headers, url, timeout);
                        Ok(Bound::new(py, response)?.into_any())
                    };
                    return self.result(py, answer, make_response).map(Some);
                }
                Ok(answer) => {
                    let response = Response::new(py, answer, url, timeout)?;
                    (Some(Bound::new(py, response)?.into_any()), None)
                }
            };
            let error =
                error.map(|(url, error)| Failure { url, seconds: timeout, error }.into_py(py));
            first_attempt(py, order.identity, begun, response, error).map(Some)
        })
    }

    /// A clock that has been corrected leads back to the client's book, and so to the shortcut.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.now)?;
        visit.call(&self.new_id)?;
        visit.call(&self.describe)
    }
}

/// How a call's first attempt ended that did not succeed: id, seconds, an answer or else an error.
pub(crate) fn first_attempt<'py>(
    py: Python<'py>,
    identity: &str,
    begun: Instant,
    response: Option<Bound<'py, PyAny>>,
    error: Option<PyErr>,
) -> PyResult<Bound<'py, PyAny>> {
    let seconds = begun.elapsed().as_secs_f64();
    let error = error.map(|error| error.into_value(py));
    Ok((identity, seconds, response, error).into_pyobject(py)?.into_any())
}

impl Shortcut {
    /// What the heads of the calls have in common.
    pub(crate) fn template(&self) -> &transport::Template {
        &self.template.get().0
    }

    /// Has `go` make a call if it is plain: of its order, its URL, who signs what, and its body.
    pub(crate) fn ordered<'py, T>(
        &self,
        py: Python<'py>,
        parameters: &Bound<'py, PyDict>,
        go: impl FnOnce(
            &Order<'_>,
            &Bound<'py, PyString>,
            Option<(&sigv4::Signer, Payload<'_>)>,
            &[u8],
        ) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        let Some(plain) = self.plain(py, parameters) else { return Ok(None) };
        let Some((members, body)) = plain.as_bytes() else { return Ok(None) };
        if body.len() > self.largest || self.is_over(py)? {
            return Ok(None);
        }
        let (target, url) = &plain.place;
        let own_id;
        let given_id;
        let identity = if let Some(new_id) = &self.new_id {
            given_id = new_id.bind(py).call0()?.cast_into::<PyString>()?;
            given_id.to_str()?
        } else {
            let Some(id) = Identity::random() else { return Ok(None) };
            own_id = id;
            own_id.as_str()
        };
        let order = Order {
            target: target.to_str()?,
            url: url.to_str()?,
            members: &members,
            trace_id: None,
            identity,
            progress: &self.progress,
            length: Some(body.len() as u64),
        };
        let signing = self.signer.as_ref().map(|by| (by.get().inner(), Payload::Body(body)));
        go(&order, url, signing, body)
    }

    pub(crate) fn clock(&self, py: Python<'_>) -> PyResult<f64> {
        match &self.now {
            None => Ok(since_1970().as_secs_f64()),
            Some(now) => now.bind(py).call0()?.extract(),
        }
    }

    /// The parameters, if nothing about them needs a second look.
    fn plain<'a, 'py>(
        &'a self,
        py: Python<'py>,
        parameters: &Bound<'py, PyDict>,
    ) -> Option<Plain<'a, 'py>> {
        let mut place = None;
        let mut body = None;
        let mut members = Vec::with_capacity(parameters.len());
        for (key, value) in parameters.iter() {
            let key = key.cast_into_exact::<PyString>().ok()?;
            match &self.member(py, &key)?.place {
                Place::Header { name, may_be_empty } => {
                    let text = value.cast_into_exact::<PyString>().ok()?;
                    if !may_be_empty && text.is_empty().ok()? {
                        return None;
                    }
                    members.push((name.as_str(), text));
                }
                Place::Body => body = Some(Body::of(value, self.largest)?),
                Place::Target => {
                    let name = value.cast_into_exact::<PyString>().ok()?;
                    place = Some(self.targets.bind(py).get_item(name).ok()??.extract().ok()?);
                }
            }
        }
        Some(Plain { place: place?, body: body?, members })
    }

    fn member(&self, py: Python<'_>, key: &Bound<'_, PyString>) -> Option<&Member> {
        // The names in a program's calls are nearly always the very objects that the tables have.
        self.members.iter().find(|member| member.key.is(key)).or_else(|| {
            self.members.iter().find(|member| member.key.bind(py).as_any().eq(key).unwrap_or(false))
        })
    }

    /// The result of a success; `make_response` makes what its body is read from, of its headers.
    pub(crate) fn result<'py, Answer: AsRef<ResponseHead>>(
        &self,
        py: Python<'py>,
        answer: Answer,
        make_response: impl FnOnce(Answer, Py<PyDict>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let head = answer.as_ref();
        let layout = self.layout(py, head)?;
        let headers = layout.headers(py, head)?;
        let metadata = layout.metadata(&headers)?;
        let request_id = metadata.get_item(intern!(py, "RequestId"))?;
        let made = layout.result(self.result.bind(py), &headers)?;
        let (headers, _) = headers;
        metadata.set_item(intern!(py, "HTTPHeaders"), &headers)?;
        let length = headers.get_item(intern!(py, "content-length"))?;
        let response = make_response(answer, headers.unbind())?;
        made.set_item(intern!(py, "ResponseMetadata"), metadata)?;
        made.set_item(intern!(py, "Body"), self.make_body.of(&response, length)?)?;
        // The caller may change the dicts; what is told of the attempts stays.
        made.setattr(intern!(py, "_request_id"), request_id)?;
        made.setattr(intern!(py, "_response"), response)?;
        Ok(made)
    }

    /// The layout of answers with these headers: a known one, or one that Python describes.
    fn layout(&self, py: Python<'_>, head: &ResponseHead) -> PyResult<Arc<Layout>> {
        if let Some(known) = lock(&self.layouts).iter().find(|known| known.fits(head)) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Layout::new(py, head, self.describe.bind(py))?);
        let mut layouts = lock(&self.layouts);
        if layouts.len() == LAYOUTS_KEPT {
            layouts.remove(0);
        }
        layouts.push(Arc::clone(&made));
        Ok(made)
    }
}
