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
    /// As it comes.
    Parts(PartsBody),
}

/// One request on its way to a handler.
#[derive(Debug)]
pub struct Call {
    /// The endpoint's name.
    pub endpoint_name: String,
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

/// Where the parts of an answer go. Dropped without `finish`, the caller sees a broken body.
#[derive(Clone, Debug)]
pub struct Parts {
    sender: mpsc::Sender<Option<Bytes>>,
}

impl Parts {
    /// Gives one part, once there is room for it; false when nobody wants it any more.
    ///
    /// It blocks: not to be called from a task.
    pub fn send(&self, part: Bytes) -> bool {
        self.sender.blocking_send(Some(part)).is_ok()
    }

    /// Whether nobody wants the parts any more.
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    /// Says that all parts were given.
    pub fn finish(self) {
        let _gone = self.sender.blocking_send(None);
    }
}

/// The parts, as a body that hyper can send.
#[derive(Debug)]
pub(super) struct PartsBody {
    receiver: mpsc::Receiver<Option<Bytes>>,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    broken: bool,
}

/// The handler gave up, or took too long for a part: the body must not look whole.
#[derive(Debug, thiserror::Error)]
#[error("the handler did not finish its answer")]
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
                Some(Some(part)) => Some(Ok(Frame::data(part))),
                Some(None) => None,
                // Once later, so that what was given before has left: the caller sees a body that
                // breaks off, not an answer that never began.
                None if !self.broken => {
                    self.broken = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => Some(Err(Unfinished)),
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
