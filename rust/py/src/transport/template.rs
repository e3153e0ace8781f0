//! One attempt in one crossing of the border: take a connection, sign, send, receive.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use sagewire_core::sigv4::{self, Payload};
use sagewire_net::transport::{self, Order, Refused, TransportError};

use super::{Failure, Pool, Response, from_now, send_pieces, whole_body};
use crate::sigv4::{Signer, refused};

/// The heads of a client's requests, as far as they are all the same.
#[pyclass(frozen, module = "sagewire._native._ext")]
pub(crate) struct Template(pub(crate) transport::Template);

#[pymethods]
impl Template {
    #[new]
    #[pyo3(signature = (host, user_agent, extra, proxy_authorization=None))]
    fn new(
        py: Python<'_>,
        host: String,
        user_agent: &str,
        extra: Vec<(String, String)>,
        proxy_authorization: Option<&str>,
    ) -> PyResult<Self> {
        transport::Template::new(host, user_agent, extra, proxy_authorization)
            .map(Self)
            .map_err(|error| Failure { url: "", seconds: None, error }.into_py(py))
    }

    /// Return an attempt's head, signed for `at` if there is a signer.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn head<'py>(
        &self,
        py: Python<'py>,
        signer: Option<&Bound<'py, Signer>>,
        at: i64,
        url: &str,
        target: &str,
        members: &Bound<'py, PyList>,
        payload: &Bound<'py, PyAny>,
        length: Option<u64>,
        trace_id: Option<&str>,
        identity: &str,
        progress: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let members = texts(members)?;
        let members = borrowed(&members)?;
        let order = Order { target, url, members: &members, trace_id, identity, progress, length };
        let payload = signer.map(|_| covered(payload)).transpose()?;
        let signer =
            signer.zip(payload).map(|(signer, payload)| (signer.get().inner(), payload, at));
        let mut head = Vec::with_capacity(1024);
        self.0.push_head(&mut head, &order, signer).map_err(|why| raised(py, url, None, why))?;
        Ok(PyBytes::new(py, &head))
    }

    /// Return the response to an attempt over a connection of `pool`, the body still to be read.
    #[allow(clippy::too_many_arguments, reason = "the seam")]
    fn attempt(
        &self,
        py: Python<'_>,
        pool: &Bound<'_, Pool>,
        signer: Option<&Bound<'_, Signer>>,
        clock: &Bound<'_, PyAny>,
        url: &str,
        target: &str,
        members: &Bound<'_, PyList>,
        payload: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
        length: Option<u64>,
        trace_id: Option<&str>,
        identity: &str,
        progress: &str,
        deadline: Option<(f64, f64)>,
    ) -> PyResult<Response> {
        let members = texts(members)?;
        let members = borrowed(&members)?;
        let order = Order { target, url, members: &members, trace_id, identity, progress, length };
        let signer = signer.map(|signer| signer.get().inner());
        let payload = signer.map(|_| covered(payload)).transpose()?;
        let end = deadline.map(|(left, _)| from_now(left));
        let seconds = deadline.map(|(_, whole)| whole);
        let failed = |why| raised(py, url, seconds, why);
        let now = || seconds_since_1970(clock);
        let signing = signer.zip(payload);
        let pool = &pool.get().0;
        let response = if let Some(body) = whole_body(body)? {
            attempted(py, &self.0, pool, &order, signing, &body, end, &now)?
                .map_err(|ended| failed(ended.into()))?
        } else {
            let at = now()?;
            let taken = py.detach(|| match pool.take_idle() {
                Some(idle) => Ok(idle),
                None => self.0.check(&order, signer, at).and_then(|()| Ok(pool.connect(end)?)),
            });
            let broken = |error| failed(Refused::Head(error));
            let connection = taken.map_err(failed)?;
            let mut connection =
                prepared(&self.0, connection, &order, signing, now()?, end).map_err(failed)?;
            send_pieces(py, &mut connection, body, &broken)?;
            py.detach(|| connection.receive()).map_err(broken)?
        };
        Response::new(py, response, PyString::new(py, url).unbind(), seconds)
    }
}

/// An attempt with a body that is there as a whole, over a connection of a pool.
///
/// `now` is asked for the time to sign for, in seconds since 1970.
#[allow(clippy::too_many_arguments, reason = "what an attempt is made of")]
pub(super) fn attempted(
    py: Python<'_>,
    template: &transport::Template,
    pool: &transport::Pool,
    order: &Order<'_>,
    signing: Option<(&sigv4::Signer, Payload<'_>)>,
    body: &[u8],
    end: Option<Instant>,
    now: &dyn Fn() -> PyResult<i64>,
) -> PyResult<Result<Box<transport::Response>, Ended>> {
    let exchange = |connection: transport::Connection, at| {
        let mut connection =
            prepared(template, connection, order, signing, at, end).map_err(Ended::Unsent)?;
        connection.send(body).and_then(|()| connection.receive()).map_err(Ended::Broken)
    };
    // An idle connection is in hand at once: the time is that of a moment ago, and the interpreter
    // is let go of once. A new one may have taken minutes to make.
    let at = now()?;
    let went = py.detach(|| match pool.take_idle() {
        Some(idle) => Went::Over(exchange(idle, at)),
        None => match template.check(order, signing.map(|(signer, _)| signer), at) {
            Ok(()) => Went::Connected(pool.connect(end)),
            Err(why) => Went::Over(Err(Ended::Unsent(why))),
        },
    });
    Ok(match went {
        Went::Over(exchanged) => exchanged,
        Went::Connected(Err(error)) => Err(Ended::Broken(error)),
        Went::Connected(Ok(fresh)) => {
            let at = now()?;
            py.detach(|| exchange(fresh, at))
        }
    })
}

/// A connection with an attempt's head ready to go; one that cannot be sent costs no connection.
fn prepared(
    template: &transport::Template,
    mut connection: transport::Connection,
    order: &Order<'_>,
    signing: Option<(&sigv4::Signer, Payload<'_>)>,
    at: i64,
    end: Option<Instant>,
) -> Result<transport::Connection, Refused> {
    match template.prepare(&mut connection, order, signing, at, end) {
        Ok(()) => Ok(connection),
        Err(why) => {
            connection.give_back();
            Err(why)
        }
    }
}

/// Why an attempt has no answer.
pub(crate) enum Ended {
    /// The request cannot be written.
    Unsent(Refused),
    /// There was no connection, or it failed.
    Broken(TransportError),
}

impl From<TransportError> for Ended {
    fn from(error: TransportError) -> Self {
        Self::Broken(error)
    }
}

impl From<Ended> for Refused {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Unsent(why) => why,
            Ended::Broken(error) => Self::Head(error),
        }
    }
}

/// How far an attempt came without the interpreter.
enum Went {
    /// Over an idle connection, to its end.
    Over(Result<Box<transport::Response>, Ended>),
    /// To a new connection.
    Connected(Result<transport::Connection, TransportError>),
}

pub(crate) type Texts<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>;

pub(crate) fn texts<'py>(pairs: &Bound<'py, PyList>) -> PyResult<Texts<'py>> {
    pairs.iter().map(|pair| pair.extract()).collect()
}

pub(crate) fn borrowed<'a>(pairs: &'a Texts<'_>) -> PyResult<Vec<(&'a str, &'a str)>> {
    pairs.iter().map(|(name, value)| Ok((name.to_str()?, value.to_str()?))).collect()
}

/// What a signature covers of a body: the bytes, or their hash in text.
pub(crate) fn covered<'a>(payload: &'a Bound<'_, PyAny>) -> PyResult<Payload<'a>> {
    match payload.cast::<PyBytes>() {
        Ok(body) => Ok(Payload::Body(body.as_bytes())),
        Err(_) => Ok(Payload::Hash(payload.cast::<PyString>()?.to_str()?)),
    }
}

fn seconds_since_1970(clock: &Bound<'_, PyAny>) -> PyResult<i64> {
    Ok(whole_seconds(clock.call0()?.extract::<f64>()?))
}

#[allow(clippy::cast_possible_truncation, reason = "a time beyond i64 is refused by the signer")]
pub(crate) fn whole_seconds(time: f64) -> i64 {
    time.floor() as i64
}

pub(crate) fn raised(py: Python<'_>, url: &str, seconds: Option<f64>, why: Refused) -> PyErr {
    match why {
        Refused::Signer(error) => refused(py, &error),
        Refused::Head(error) => Failure { url, seconds, error }.into_py(py),
    }
}
