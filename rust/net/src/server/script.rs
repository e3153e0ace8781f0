//! Faults that a test has asked for, call by call. Twin: `_pure/server/script.py`.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is to happen to one call before the model is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How long it waits first.
    pub delay: Duration,
    /// The error it gets: status, name, message.
    pub error: Option<(u16, String, String)>,
    /// Whether its connection ends without an answer.
    pub drops: bool,
}

/// The faults that wait, by endpoint.
#[derive(Default)]
pub(super) struct Script {
    // Most servers never have a script; they pay for one load.
    used: AtomicBool,
    waiting: Mutex<HashMap<String, VecDeque<Fault>>>,
}

impl Script {
    /// Adds faults, one a call, behind those that wait.
    pub(super) fn add(&self, endpoint: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(endpoint.to_owned()).or_default().extend(faults);
        self.used.store(true, Ordering::Release);
    }

    /// The next call's fault.
    pub(super) fn next(&self, endpoint: &str) -> Option<Fault> {
        if !self.used.load(Ordering::Acquire) {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get_mut(endpoint)?.pop_front()
    }
}
