//! Keys that the server does not know and somebody else might. The pure twin asks its callable directly.
//!
//! The callable is Python's and runs on a thread of Python's own, as handlers do: the server hands
//! the question out and waits for the answer, which is kept for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::settings::Known;

/// How long a key that was found is used before it is asked for again.
const KEEP_FOUND: Duration = Duration::from_secs(60);
/// How long a key that was not found is refused without asking.
const KEEP_MISSING: Duration = Duration::from_secs(5);
/// Answers kept; a stranger who makes up keys must not fill the memory.
const MAX_KEPT: usize = 4096;
/// How long a call waits for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key that somebody wants to know.
#[derive(Debug)]
pub struct Lookup {
    /// The public half.
    pub access_key_id: String,
    answer: oneshot::Sender<Option<Known>>,
}

impl Lookup {
    /// Says what was found.
    pub fn answer(self, found: Option<Known>) {
        // A question that nobody waits for any more needs no answer.
        let _gone = self.answer.send(found);
    }
}

/// The questions that wait, and the answers that are kept.
#[derive(Default)]
pub(super) struct Lookups {
    questions: Mutex<Questions>,
    arrived: Condvar,
    kept: Mutex<HashMap<String, Kept>>,
}

/// An answer, and until when it is good.
#[derive(Clone)]
pub(super) struct Kept {
    until: Instant,
    /// The key, or that there is none.
    pub(super) found: Option<Arc<Known>>,
}

#[derive(Default)]
struct Questions {
    waiting: VecDeque<Lookup>,
    closed: bool,
}

impl Lookups {
    /// What is kept about a key.
    pub(super) fn kept(&self, access_key_id: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(access_key_id).filter(|kept| Instant::now() < kept.until).cloned()
    }

    /// Asks for a key and waits; what is not answered in time is not found, this once.
    pub(super) async fn ask(&self, access_key_id: &str) -> Option<Arc<Known>> {
        let (answer, answered) = oneshot::channel();
        let question = Lookup { access_key_id: access_key_id.to_owned(), answer };
        self.questions().waiting.push_back(question);
        self.arrived.notify_one();
        let found = tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()?.map(Arc::new);
        let until = Instant::now() + if found.is_some() { KEEP_FOUND } else { KEEP_MISSING };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(access_key_id.to_owned(), Kept { until, found: found.clone() });
        found
    }

    /// Waits for a question; `None` once the server has stopped.
    pub(super) fn take(&self) -> Option<Lookup> {
        let mut questions = self.questions();
        loop {
            if questions.closed {
                return None;
            }
            if let Some(question) = questions.waiting.pop_front() {
                return Some(question);
            }
            questions = self.arrived.wait(questions).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what waits, and sends whoever answers home.
    pub(super) fn close(&self) {
        let mut questions = self.questions();
        questions.closed = true;
        questions.waiting.clear();
        drop(questions);
        self.arrived.notify_all();
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
