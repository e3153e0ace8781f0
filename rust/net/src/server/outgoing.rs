//! The body of what goes back to the caller, and the record that ends with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use super::call::{PartsBody, Unfinished};
use super::frames::Frames;
use super::link::Caller;
use super::record::Draft;

/// A body, with the record of its call if somebody wants one.
pub(super) struct Outgoing {
    kind: Kind,
    /// Whose it is, if it comes as somebody makes it.
    caller: Option<Caller>,
    draft: Option<Draft>,
}

enum Kind {
    Whole(Full<Bytes>),
    Parts(PartsBody),
    Frames(Frames),
}

impl Outgoing {
    pub(super) fn whole(body: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole(Full::new(body.into())), caller: None, draft: None }
    }

    pub(super) fn parts(parts: PartsBody, caller: Caller) -> Self {
        Self { kind: Kind::Parts(parts), caller: Some(caller), draft: None }
    }

    pub(super) fn frames(frames: Frames, caller: Caller) -> Self {
        Self { kind: Kind::Frames(frames), caller: Some(caller), draft: None }
    }

    /// Ends the record when the body ends.
    pub(super) fn keep(&mut self, mut draft: Draft) {
        // hyper does not ask a body that is empty.
        draft.record.cut = !self.is_end_stream();
        self.draft = Some(draft);
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        let polled = match &mut self.kind {
            Kind::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Kind::Parts(body) => Pin::new(body).poll_frame(context),
            Kind::Frames(frames) => frames.poll(context).map(|frame| frame.map(Ok)),
        };
        let frame = match (polled, &mut self.caller) {
            (Poll::Ready(frame), _) => frame,
            (Poll::Pending, None) => return Poll::Pending,
            // A model does not work for a caller who has hung up.
            (Poll::Pending, Some(caller)) => {
                ready!(caller.poll_ended(context));
                Some(Err(Unfinished))
            }
        };
        let ended = self.is_end_stream();
        if let Some(draft) = &mut self.draft {
            match &frame {
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    draft.record.bytes_out += length as u64;
                    draft.record.cut = !ended;
                }
                Some(Err(_)) => draft.record.cut = true,
                None => draft.record.cut = false,
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Parts(body) => body.is_end_stream(),
            Kind::Frames(frames) => frames.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(body) => body.size_hint(),
            Kind::Parts(body) => body.size_hint(),
            Kind::Frames(_) => SizeHint::default(),
        }
    }
}
