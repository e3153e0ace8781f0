//! How much calls may begin in one round of the loop: a hundred tasks that call at once come in turn.
//!
//! A turn ends in time by itself, and so calls that its tasks make are none of this one's. Others
//! begin one after the other in the loop's own round, which nothing would end: once a round has had
//! its time, those that come wait for a later one.

use std::collections::VecDeque;
use std::time::Instant;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use sagewire_net::reactor::TURN;

use super::Reactor;
use crate::transport::lock;

/// How many are let in at once; each takes a tenth of a millisecond, on its longest way.
const LET_IN: usize = 2;

/// The calls that begin in this round of the loop, and those that wait for a later one.
#[derive(Default)]
pub(super) struct Pace {
    /// When the first one of this round began.
    since: Option<Instant>,
    waiting: VecDeque<Py<PyAny>>,
}

impl Pace {
    /// What to await before a call begins; `None` if there is time for it now.
    pub(super) fn pause<'py>(reactor: &Bound<'py, Reactor>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let this = reactor.get();
        let (is_first, has_time) = {
            let mut pace = lock(&this.pace);
            let is_first = pace.since.is_none();
            let since = *pace.since.get_or_insert_with(Instant::now);
            (is_first, pace.waiting.is_empty() && (is_first || since.elapsed() < TURN))
        };
        if is_first {
            Self::come_round_later(reactor)?;
        }
        if has_time {
            return Ok(None);
        }
        let py = reactor.py();
        let waiting = this.event_loop.bind(py).call_method0(intern!(py, "create_future"))?;
        lock(&this.pace).waiting.push_back(waiting.clone().unbind());
        Ok(Some(waiting))
    }

    /// The loop has come round: lets some of those in that wait.
    pub(super) fn come_round(reactor: &Bound<'_, Reactor>) -> PyResult<()> {
        let this = reactor.get();
        let py = reactor.py();
        let mut let_in = 0;
        while let_in < LET_IN {
            let Some(waiting) = ({ lock(&this.pace).waiting.pop_front() }) else { break };
            let waiting = waiting.bind(py);
            // Somebody who waited may have been cancelled.
            if !waiting.call_method0(intern!(py, "done"))?.is_truthy()? {
                waiting.call_method1(intern!(py, "set_result"), (py.None(),))?;
                let_in += 1;
            }
        }
        lock(&this.pace).since = (let_in > 0).then(Instant::now);
        if let_in > 0 {
            Self::come_round_later(reactor)?;
        }
        Ok(())
    }

    fn come_round_later(reactor: &Bound<'_, Reactor>) -> PyResult<()> {
        let py = reactor.py();
        let come_round = reactor.getattr(intern!(py, "_come_round"))?;
        let event_loop = reactor.get().event_loop.bind(py);
        event_loop.call_method1(intern!(py, "call_soon"), (come_round,))?;
        Ok(())
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting.iter().try_for_each(|waiting| visit.call(waiting))
    }
}
