//! What can go wrong on a connection, by kind. The words are made where the URL is known.

use std::io;

use super::deadline::Stage;
use super::tls::words_of_tls;

/// A failed connection or exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum TransportError {
    /// No address of the host, or none that took the connection; the last one's words.
    Connect(String),
    /// No connection within the connect time-out.
    ConnectTimeout,
    /// The handshake failed, or nobody trusted signed the certificate; the TLS library's words.
    Tls(String),
    /// A file of the client's own for TLS cannot be read; which, and why.
    Unreadable(String),
    /// The proxy cannot be reached, or refuses; its URL without user and password, and why.
    Proxy(String, String),
    /// The connection ended, or talked nonsense, before a whole head had arrived.
    Closed,
    /// The same, before any byte of an answer, on a connection that had served before: it died idle.
    Stale,
    /// Nothing arrived for the read time-out while waiting for the head.
    HeadTimeout,
    /// Nothing arrived for the read time-out in the middle of the body.
    BodyTimeout,
    /// The deadline of the whole call passed.
    Deadline(Stage),
    /// The request, or the answer, cannot be put on this wire; what is wrong with it.
    Client(String),
    /// The body broke off; how.
    Streaming(String),
    /// A signal's handler asked for the end.
    Interrupted,
}

impl TransportError {
    /// What a child of a fork gets of a body that its parent has on the wire.
    pub fn of_the_parent() -> Self {
        Self::Streaming("the rest of this body belongs to the parent of this process".to_owned())
    }
}

/// What ends a wait early.
pub(crate) enum Cut {
    /// The limit of the wait passed.
    Limit,
    /// The deadline of the whole call passed.
    Deadline,
    /// A signal's handler asked for the end.
    Interrupted,
    /// The connection failed.
    Failed(io::Error),
}

/// An error that travels through code that knows `io::Error` only (rustls), and comes out whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Carried {
    #[error("the limit of the wait passed")]
    Limit,
    #[error("the deadline of the call passed")]
    Deadline,
    #[error("interrupted by a signal")]
    Interrupted,
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Carried>()) {
            Some(Carried::Limit) => Self::Limit,
            Some(Carried::Deadline) => Self::Deadline,
            Some(Carried::Interrupted) => Self::Interrupted,
            None => Self::Failed(error),
        }
    }
}

impl From<Cut> for io::Error {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Limit => Carried::Limit.into(),
            Cut::Deadline => Carried::Deadline.into(),
            Cut::Interrupted => Carried::Interrupted.into(),
            Cut::Failed(error) => error,
        }
    }
}

impl From<Carried> for io::Error {
    fn from(carried: Carried) -> Self {
        Self::other(carried)
    }
}

/// An operating system's error as Python writes it, since the pure twin's words are Python's.
pub(crate) fn python_words(error: &io::Error) -> String {
    if let Some(words) = words_of_tls(error) {
        return format!("SSLError({words:?})");
    }
    let Some(number) = error.raw_os_error() else {
        return format!("OSError({:?})", error.to_string());
    };
    let class = match error.kind() {
        io::ErrorKind::ConnectionReset => "ConnectionResetError",
        io::ErrorKind::BrokenPipe => "BrokenPipeError",
        io::ErrorKind::ConnectionAborted => "ConnectionAbortedError",
        io::ErrorKind::TimedOut => "TimeoutError",
        _ => "OSError",
    };
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("{class}({number}, '{text}')")
}
