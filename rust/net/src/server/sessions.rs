//! Stateful sessions: which variant and container a session id belongs to, and until when.
//!
//! The container makes the id, names its end and closes it; the server only remembers where later
//! calls have to go: <https://docs.aws.amazon.com/sagemaker/latest/dg/stateful-sessions.html>.
//! Twin: `_pure/server/sessions.py`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a caller sends to be given a session.
pub(super) const NEW_SESSION: &[u8] = b"NEW_SESSION";
/// Sessions kept; beyond that, those that are over are cleared away, then the oldest.
const MAX_SESSIONS: usize = 100_000;

/// Where a session lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) variant: String,
    /// The container's name, or an empty text for a handler.
    pub(super) container: String,
}

struct Session {
    place: Place,
    ends_at: i64,
    /// Whether the end moves with each call, because the container named none.
    idle_seconds: Option<i64>,
}

/// All sessions of a server, by endpoint and id.
pub(super) struct Sessions {
    idle_seconds: i64,
    known: Mutex<HashMap<(String, String), Session>>,
}

impl Sessions {
    pub(super) fn new(idle_seconds: i64) -> Self {
        Self { idle_seconds, known: Mutex::default() }
    }

    /// Where a session lives, if it does.
    pub(super) fn find(&self, endpoint: &str, id: &str, now: i64) -> Option<Place> {
        let mut known = self.lock();
        let key = (endpoint.to_owned(), id.to_owned());
        let session = known.get_mut(&key)?;
        if session.ends_at <= now {
            known.remove(&key);
            return None;
        }
        if let Some(seconds) = session.idle_seconds {
            session.ends_at = now.saturating_add(seconds);
        }
        Some(session.place.clone())
    }

    /// Remembers the session that a container has opened: `ID; Expires=2026-11-24T15:00:00Z`.
    pub(super) fn opened(&self, endpoint: &str, stated: &str, place: Place, now: i64) {
        let (id, end) = match stated.split_once(';') {
            Some((id, end)) => (id.trim(), end.trim().strip_prefix("Expires=").and_then(epoch)),
            None => (stated.trim(), None),
        };
        let idle_seconds = end.is_none().then_some(self.idle_seconds);
        let ends_at = end.unwrap_or_else(|| now.saturating_add(self.idle_seconds));
        let mut known = self.lock();
        if known.len() >= MAX_SESSIONS {
            known.retain(|_, session| session.ends_at > now);
        }
        if known.len() >= MAX_SESSIONS
            && let Some(oldest) =
                known.iter().min_by_key(|(_, session)| session.ends_at).map(|(key, _)| key.clone())
        {
            known.remove(&oldest);
        }
        known
            .insert((endpoint.to_owned(), id.to_owned()), Session { place, ends_at, idle_seconds });
    }

    /// Forgets a session that its container has closed.
    pub(super) fn closed(&self, endpoint: &str, id: &str) {
        self.lock().remove(&(endpoint.to_owned(), id.trim().to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Session>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970 of `YYYY-MM-DDThh:mm:ssZ`, the only form that the API model allows.
fn epoch(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok())?
    };
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if bytes.len() != 20 || marks.iter().any(|&(place, mark)| bytes[place] != mark) {
        return None;
    }
    let small = |from: usize| number(from, from + 2).and_then(|value| u8::try_from(value).ok());
    let month = time::Month::try_from(small(5)?).ok()?;
    let date = time::Date::from_calendar_date(i32::from(number(0, 4)?), month, small(8)?).ok()?;
    let moment = time::Time::from_hms(small(11)?, small(14)?, small(17)?).ok()?;
    Some(time::PrimitiveDateTime::new(date, moment).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(container: &str) -> Place {
        Place { variant: "A".to_owned(), container: container.to_owned() }
    }

    #[test]
    fn a_session_lives_until_its_named_end() {
        let sessions = Sessions::new(60);
        sessions.opened("e", "id-1; Expires=1970-01-01T00:01:40Z", place("c"), 0);
        assert_eq!(sessions.find("e", "id-1", 99), Some(place("c")));
        assert_eq!(sessions.find("other", "id-1", 99), None);
        assert_eq!(sessions.find("e", "id-1", 100), None);
    }

    #[test]
    fn a_session_without_an_end_lives_while_it_is_used() {
        let sessions = Sessions::new(60);
        sessions.opened("e", "id", place(""), 0);
        assert!(sessions.find("e", "id", 59).is_some());
        assert!(sessions.find("e", "id", 118).is_some());
        assert!(sessions.find("e", "id", 178).is_none());
    }

    #[test]
    fn a_closed_session_is_gone() {
        let sessions = Sessions::new(60);
        sessions.opened("e", "id", place(""), 0);
        sessions.closed("e", "id");
        assert!(sessions.find("e", "id", 1).is_none());
    }

    #[test]
    fn only_the_models_form_is_a_time() {
        assert_eq!(epoch("2026-11-24T15:00:00Z"), Some(1_795_532_400));
        for text in [
            "",
            "2026-11-24T15:00:00",
            "2026-13-24T15:00:00Z",
            "2026-11-24 15:00:00Z",
            "+026-11-24T15:00:00Z",
            "2026-11-24T15:00:0éZ",
        ] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }
}
