//! What is known of a call when it is over, for metrics and the access log. No secrets in it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One call.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The id that the caller was given.
    pub request_id: String,
    /// Where the call came from.
    pub peer: Option<SocketAddr>,
    /// The operation, or an empty text for a path that has none.
    pub operation: &'static str,
    /// The endpoint, once it was found to exist.
    pub endpoint: String,
    /// The variant that was chosen.
    pub variant: String,
    /// The container that was asked.
    pub container: String,
    /// Who called, once the signature was verified.
    pub access_key_id: String,
    /// The status that the caller was given; 0 if there was nobody to give it to.
    pub status: u16,
    /// The error's name, if it was one.
    pub error: String,
    /// The request's body, in bytes.
    pub bytes_in: usize,
    /// The answer's body, in bytes.
    pub bytes_out: u64,
    /// From the request's head until the model's answer began.
    pub first_byte: Option<Duration>,
    /// From the request's head until the answer's last byte was handed to the connection.
    pub took: Duration,
    /// Whether the answer broke off, or its caller did.
    pub cut: bool,
}

/// Somebody who is told of each call. It must not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Record) + Send + Sync>);

impl Observer {
    /// An observer that calls `told`.
    pub fn new(told: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

/// A record in the making: it is told when it is dropped, wherever the call ends.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) record: Record,
    started: Instant,
    observer: Observer,
}

impl Draft {
    pub(super) fn new(observer: &Observer) -> Self {
        let record = Record { cut: true, ..Record::default() };
        Self { record, started: Instant::now(), observer: observer.clone() }
    }

    pub(super) fn first_byte(&mut self) {
        self.record.first_byte.get_or_insert_with(|| self.started.elapsed());
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.record.took = self.started.elapsed();
        (self.observer.0)(&self.record);
    }
}
