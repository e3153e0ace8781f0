//! A whole call on a loop, if it is plainly right and goes well: `transport::Shortcut`, awaited.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sagewire_net::reactor::{Answer, Key, Outcome};

use super::exchange::ReactorResponse;
use super::wait::ReactorWait;
use super::{Call, Reactor, Result};
use crate::transport::shortcut::{Shortcut, first_attempt};
use crate::transport::template::{Ended, whole_seconds};
use crate::transport::{duration, from_now, header_dict, lock};

/// What becomes of the answer to a call.
pub(super) struct Short {
    shortcut: Py<Shortcut>,
    identity: String,
    begun: Instant,
}

impl Short {
    /// Sends a call over an idle connection; `None` if there is none, or the call is not plain.
    pub(super) fn begin<'py>(
        reactor: &Bound<'py, Reactor>,
        shortcut: &Bound<'py, Shortcut>,
        parameters: &Bound<'py, PyDict>,
        timeout: Option<f64>,
        waited: f64,
    ) -> PyResult<Option<Bound<'py, ReactorWait>>> {
        let py = reactor.py();
        let now = Instant::now();
        let begun = now.checked_sub(duration(waited)).unwrap_or(now);
        let this = shortcut.get();
        this.ordered(py, parameters, |order, url, signing, body| {
            let at = whole_seconds(this.clock(py)?);
            let signing = signing.map(|(by, payload)| (by, payload, at));
            let head = |out: &mut Vec<u8>| {
                this.template().push_head(out, order, signing).map_err(Ended::Unsent)
            };
            let end = timeout.map(|whole| from_now(whole - waited));
            let keep = || Bytes::copy_from_slice(body);
            let (key, done) = {
                let mut engine = lock(&reactor.get().engine);
                let Some(key) = engine.take_idle() else { return Ok(None) };
                (key, engine.attempt(key, head, body, keep, end))
            };
            let done = match done {
                None => None,
                Some(Ok(outcome)) => Some(Ok(outcome)),
                Some(Err(Ended::Broken(error))) => Some(Err(error)),
                Some(Err(Ended::Unsent(_))) => return Ok(None),
            };
            let call = Arc::new(Call { url: url.clone().unbind(), seconds: timeout });
            let identity = order.identity.to_owned();
            let short = Self { shortcut: shortcut.clone().unbind(), identity, begun };
            Reactor::wait(reactor, key, &call, Some(short), done).map(Some)
        })
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.shortcut)
    }

    /// The call's result, or how its first attempt ended.
    pub(super) fn made(
        &self,
        reactor: &Bound<'_, Reactor>,
        key: Key,
        call: &Arc<Call>,
        result: Result<Outcome>,
    ) -> PyResult<Py<PyAny>> {
        let py = reactor.py();
        let (response, error) = match result {
            Ok(Outcome::Answered(answer)) => {
                let make_response = |answer: Answer, headers| {
                    let reactor = reactor.clone().unbind();
                    let call = Arc::clone(call);
                    let made = ReactorResponse::with_headers(reactor, key, answer, headers, call);
                    Ok(Bound::new(py, made)?.into_any())
                };
                if answer.head.status < 300 {
                    let shortcut = self.shortcut.get();
                    return shortcut.result(py, *answer, make_response).map(Bound::unbind);
                }
                let headers = header_dict(py, &answer.head)?;
                (Some(make_response(*answer, headers)?), None)
            }
            Ok(_) => return Ok(py.None()),
            Err(error) => (None, Some(call.failed(py, error))),
        };
        first_attempt(py, &self.identity, self.begun, response, error).map(Bound::unbind)
    }
}
