//! How long each part of an exchange took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The parts of an exchange, in the order in which they happen; zero for what did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for a connection to become free.
    pub queue: Duration,
    /// The look-up of the name and TCP.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the connection in hand to the last byte of the request.
    pub send: Duration,
    /// From there to the first byte of the answer.
    pub first_byte: Duration,
    /// From the answer's head to the last byte of its body that has been read so far.
    pub body: Duration,
}

impl Timing {
    /// The parts in their order.
    pub fn parts(&self) -> [Duration; 6] {
        [self.queue, self.connect, self.tls, self.send, self.first_byte, self.body]
    }
}

/// The parts of an exchange that others look at while its body is still being read.
#[derive(Debug, Clone, Default)]
pub struct Times(Arc<Mutex<Timing>>);

impl Times {
    pub(crate) fn new(timing: Timing) -> Self {
        Self(Arc::new(Mutex::new(timing)))
    }

    /// The parts as they are now.
    pub fn now(&self) -> Timing {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how long the body took as far as it has been read.
    pub fn set_body(&self, body: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body = body;
    }
}
