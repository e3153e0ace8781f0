//! How long a wait may last, and which limit ended it.

use std::time::{Duration, Instant};

/// What a call was doing when its deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// TCP and TLS.
    Connecting,
    /// Writing head and body.
    Sending,
    /// Nothing of the answer's body is here yet.
    Waiting,
    /// In the answer's body.
    Reading,
}

impl Stage {
    /// As it stands in the error's message.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Sending => "sending the request",
            Self::Waiting => "waiting for the answer",
            Self::Reading => "reading the body",
        }
    }
}

/// The limits of the waits of one stage.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// The longest single wait.
    pub(crate) each: Option<Duration>,
    /// The end of the stage's own time, such as the connect time-out's.
    pub(crate) until: Option<Instant>,
    /// The end of the whole call.
    pub(crate) deadline: Option<Instant>,
}

/// Which limit leaves no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    Limit,
    Deadline,
}

impl Limits {
    /// How long the next wait may last; `None` for as long as it takes.
    pub(crate) fn wait(&self) -> Result<Option<Duration>, Expired> {
        if self.until.is_none() && self.deadline.is_none() {
            return Ok(self.each);
        }
        let now = Instant::now();
        let mut wait = self.each;
        for (end, expired) in [(self.until, Expired::Limit), (self.deadline, Expired::Deadline)] {
            let Some(end) = end else { continue };
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Err(expired);
            }
            wait = Some(wait.map_or(left, |wait| wait.min(left)));
        }
        Ok(wait)
    }

    /// Which limit ended a wait that ended without an event.
    pub(crate) fn which(&self) -> Expired {
        // A wait may end a moment early; what is left then is no time to do anything in.
        let soon = Instant::now() + Duration::from_millis(1);
        match self.deadline {
            Some(deadline) if deadline <= soon => Expired::Deadline,
            _ => Expired::Limit,
        }
    }
}
