//! What an operation on a connection comes to.

use std::time::Instant;

use crate::transport::head::ResponseHead;
use crate::transport::timing::Times;

/// What an operation has come to.
#[derive(Debug)]
pub enum Outcome {
    /// A new connection is there.
    Connected,
    /// A piece of the body is with the system.
    Sent,
    /// The head of the answer.
    Answered(Box<Answer>),
    /// A read of the body.
    Data(Vec<u8>),
}

/// An answer, its body still to be read unless it has come with the head.
#[derive(Debug)]
pub struct Answer {
    /// Status and headers.
    pub head: ResponseHead,
    /// How long each part took and takes.
    pub times: Times,
    /// All of the body, if it was here: whoever has read it gives the exchange up.
    pub body: Option<Vec<u8>>,
    /// When the head was here.
    pub at: Instant,
}

impl AsRef<ResponseHead> for Answer {
    fn as_ref(&self) -> &ResponseHead {
        &self.head
    }
}
