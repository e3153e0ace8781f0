//! The calls that wait for a worker. Twin: `_pure/server/calls.py`.
//!
//! A worker takes the oldest call at once. A reserve takes only what has waited for a while,
//! because every worker is busy: few threads then serve many short calls, which is faster than
//! many threads that fight for the interpreter, and a call that finds only long ones before it
//! still gets a thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::call::Call;

/// A queue between the connections and the workers.
#[derive(Default)]
pub(super) struct Calls {
    queue: Mutex<Queue>,
    arrived: Condvar,
    overdue: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Instant, Call)>,
    reserve_sleeps: bool,
    closed: bool,
}

impl Calls {
    /// Adds a call.
    pub(super) fn put(&self, call: Call) {
        let mut queue = self.lock();
        queue.waiting.push_back((Instant::now(), call));
        let wake_reserve = std::mem::take(&mut queue.reserve_sleeps);
        drop(queue);
        self.arrived.notify_one();
        if wake_reserve {
            self.overdue.notify_one();
        }
    }

    /// Waits for a call that has waited for `patience`; `None` once the queue is closed.
    pub(super) fn take(&self, patience: Duration) -> Option<Call> {
        let mut queue = self.lock();
        while !queue.closed {
            // A call that timed out while it waited needs no answer.
            while queue.waiting.front().is_some_and(|(_, call)| call.whole.is_gone()) {
                queue.waiting.pop_front();
            }
            let age = queue.waiting.front().map(|(arrived, _)| arrived.elapsed());
            if age.is_some_and(|age| age >= patience) {
                return queue.waiting.pop_front().map(|(_, call)| call);
            }
            queue = match age {
                _ if patience.is_zero() => {
                    self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner)
                }
                None => {
                    queue.reserve_sleeps = true;
                    self.overdue.wait(queue).unwrap_or_else(PoisonError::into_inner)
                }
                Some(age) => {
                    let left = patience.saturating_sub(age);
                    let waited = self.overdue.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        None
    }

    /// Drops what waits, and sends every worker home.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.arrived.notify_all();
        self.overdue.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
