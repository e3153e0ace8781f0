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

/// How many are let in at once. Those whose turn does not come in that round wait once more.
const LET_IN: usize = 12;

/// The calls that begin in this round of the loop, and those that wait for a later one.
#[derive(Default)]
pub(super) struct Pace {
    /// When the first one of this round began.
    since: Option<Instant>,
    waiting: VecDeque<Py<PyAny>>,
    /// Whether the loop will say that it has come round.
    will_come_round: bool,
}

impl Pace {
    /// What to await before a call begins; `None` if there is time for it now. It gives whether the call
    /// may begin then: here it is to be asked again.
    pub(super) fn pause<'py>(reactor: &Bound<'py, Reactor>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let this = reactor.get();
        let has_time = {
            let mut pace = lock(&this.pace);
            // The first one has, however late it is: nobody waits for ever.
            match pace.since {
                Some(since) => since.elapsed() < TURN,
                None => pace.since.replace(Instant::now()).is_none(),
            }
        };
        Self::see_to_coming_round(reactor)?;
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
        let let_in: Vec<_> = {
            let mut pace = lock(&this.pace);
            pace.will_come_round = false;
            pace.since = None;
            let count = pace.waiting.len().min(LET_IN);
            pace.waiting.drain(..count).collect()
        };
        for waiting in let_in {
            let waiting = waiting.bind(py);
            // Somebody who waited may have been cancelled.
            if !waiting.call_method0(intern!(py, "done"))?.is_truthy()? {
                waiting.call_method1(intern!(py, "set_result"), (false,))?;
            }
        }
        if lock(&this.pace).waiting.is_empty() {
            return Ok(());
        }
        Self::see_to_coming_round(reactor)
    }

    fn see_to_coming_round(reactor: &Bound<'_, Reactor>) -> PyResult<()> {
        if std::mem::replace(&mut lock(&reactor.get().pace).will_come_round, true) {
            return Ok(());
        }
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
