//! A call that waits for a handler outside. Twin: `_pure/server/call.py`.
//!
//! The exchange makes it and waits; whoever calls `Server::take` answers it, whole or in parts.
//! Either side may be gone: the caller, because it hung up or the time was over; the handler,
//! because it never returns.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::HeaderMap;
use sagewire_core::headers::Operation;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep};

use super::container::ContainerBody;

/// How many parts a handler may be ahead of its caller.
const PARTS_AHEAD: usize = 4;

/// What a container said.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its HTTP status.
    pub(super) status: u16,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Reply,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// All of it.
    Whole(Bytes),
    /// From a handler, as it comes.
    Parts(PartsBody),
    /// From a container, as it comes.
    Container(ContainerBody),
}

/// One request on its way to a handler.
#[derive(Debug)]
pub struct Call {
    /// The endpoint's name.
    pub endpoint_name: String,
    /// The variant's name.
    pub variant_name: String,
    /// What was called.
    pub operation: Operation,
    /// The headers that the operation supports.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Where the answer goes.
    pub whole: Whole,
}

/// Where a call's answer goes.
#[derive(Debug)]
pub struct Whole {
    sender: oneshot::Sender<Answer>,
    part_timeout: Duration,
}

impl Whole {
    pub(super) fn new(part_timeout: Duration) -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender, part_timeout }, receiver)
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Gives the whole answer.
    pub fn answer(self, status: u16, headers: HeaderMap, body: Bytes) {
        // An answer that nobody waits for is dropped.
        let _gone = self.sender.send(Answer { status, headers, body: Reply::Whole(body) });
    }

    /// Gives the head of an answer whose parts follow.
    pub fn begin(self, status: u16, headers: HeaderMap) -> Parts {
        let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
        let body = Reply::Parts(PartsBody {
            receiver,
            timeout: self.part_timeout,
            timer: None,
            broken: false,
        });
        let _gone = self.sender.send(Answer { status, headers, body });
        Parts { sender }
    }
}

/// One of what a handler gives after its answer's head.
#[derive(Debug)]
pub(super) enum Part {
    /// A piece of the body.
    Data(Bytes),
    /// There are no more.
    End,
    /// There will be no more, and why: the body is not whole.
    Broken(String),
}

/// Where the parts of an answer go. Dropped without `finish`, the caller sees a broken body.
#[derive(Clone, Debug)]
pub struct Parts {
    sender: mpsc::Sender<Part>,
}

impl Parts {
    /// Gives one part, once there is room for it; false when nobody wants it any more.
    ///
    /// It blocks: not to be called from a task.
    pub fn send(&self, part: Bytes) -> bool {
        self.sender.blocking_send(Part::Data(part)).is_ok()
    }

    /// Whether nobody wants the parts any more.
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Says that all parts were given.
    pub fn finish(self) {
        let _gone = self.sender.blocking_send(Part::End);
    }

    /// Says that no more can be given, and why.
    pub fn abort(self, message: String) {
        let _gone = self.sender.blocking_send(Part::Broken(message));
    }
}

/// The parts, as a body that hyper can send.
#[derive(Debug)]
pub(super) struct PartsBody {
    receiver: mpsc::Receiver<Part>,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    broken: bool,
}

impl PartsBody {
    /// The next part; `None` if the handler is gone without a word.
    pub(super) fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Part>> {
        self.receiver.poll_recv(context)
    }
}

/// The model gave up, or took too long for a part: the body must not look whole.
#[derive(Debug, thiserror::Error)]
#[error("the model did not finish its answer")]
pub(super) struct Unfinished;

impl Body for PartsBody {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        if let Poll::Ready(part) = self.receiver.poll_recv(context) {
            self.timer = None;
            return Poll::Ready(match part {
                Some(Part::Data(part)) => Some(Ok(Frame::data(part))),
                Some(Part::End) => None,
                // Once later, so that what was given before has left: the caller sees a body that
                // breaks off, not an answer that never began.
                Some(Part::Broken(_)) | None if !self.broken => {
                    self.broken = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Part::Broken(_)) | None => Some(Err(Unfinished)),
            });
        }
        let timeout = self.timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + timeout)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(Unfinished)))
    }
}
