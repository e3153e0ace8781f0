//! A model's answer as an event stream: a `PayloadPart` for each piece, as it comes.
//!
//! What goes wrong after the stream has begun is said in the stream, as the API model's
//! `ModelStreamError` or `InternalStreamFailure`; the body itself then ends as it should. Nothing is read ahead: hyper asks for
//! the next piece when the connection has room for it. Twin: `_pure/server/frames.py`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use sagewire_core::eventstream::{MAX_PAYLOAD_BYTES, encode_exception, encode_part};
use tokio::time::{Instant, Sleep};

use super::call::{Part, Reply};
use super::errors::{ServiceError, quoted};

/// Why a stream ended early, in the API model's words.
const TIME_EXCEEDED: &str = "ModelInvocationTimeExceeded";
const STREAM_BROKEN: &str = "StreamBroken";
const LOST_WORDS: &str = "The stream ended for a reason that is not the model's.";
const BROKEN_WORDS: &str = "The connection to the model was closed before its answer was complete.";

/// How a stream can end before its model has said that it is whole.
enum Ended {
    /// The model broke it off.
    Broken(String),
    /// Whoever spoke for the model is gone without a word.
    Lost,
}

/// The frames of an answer.
pub(super) struct Frames {
    source: Reply,
    /// What is left of a piece that was too long for one frame.
    rest: Bytes,
    timer: Pin<Box<Sleep>>,
    done: bool,
}

impl Frames {
    /// Frames of what `source` gives, within `timeout`.
    pub(super) fn new(source: Reply, timeout: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(Instant::now() + timeout));
        Self { source, rest: Bytes::new(), timer, done: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(self.part()));
        }
        loop {
            match self.poll_piece(context) {
                // An empty piece says nothing, and an empty part could be taken for an end.
                Poll::Ready(Ok(Some(piece))) if piece.is_empty() => {}
                Poll::Ready(Ok(Some(piece))) => {
                    self.rest = piece;
                    return Poll::Ready(Some(self.part()));
                }
                Poll::Ready(Ok(None)) => {
                    self.done = true;
                    return Poll::Ready(None);
                }
                Poll::Ready(Err(Ended::Broken(words))) => {
                    return Poll::Ready(Some(self.model_error(STREAM_BROKEN, &words)));
                }
                Poll::Ready(Err(Ended::Lost)) => {
                    let payload = format!("{{\"Message\":{}}}", quoted(LOST_WORDS));
                    return Poll::Ready(Some(self.exception("InternalStreamFailure", &payload)));
                }
                Poll::Pending => break,
            }
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Some(self.model_error(TIME_EXCEEDED, &ServiceError::time_out_words())))
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Ended>> {
        match &mut self.source {
            Reply::Whole(whole) => {
                let whole = std::mem::take(whole);
                Poll::Ready(Ok((!whole.is_empty()).then_some(whole)))
            }
            Reply::Parts(parts) => Poll::Ready(match ready!(parts.poll_part(context)) {
                Some(Part::Data(piece)) => Ok(Some(piece)),
                Some(Part::End) => Ok(None),
                Some(Part::Broken(words)) => Err(Ended::Broken(words)),
                None => Err(Ended::Lost),
            }),
            Reply::Container(body) => Poll::Ready(match ready!(body.poll_piece(context)) {
                Some(Ok(piece)) => Ok(Some(piece)),
                Some(Err(_cut)) => Err(Ended::Broken(BROKEN_WORDS.to_owned())),
                None => Ok(None),
            }),
        }
    }

    fn part(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(MAX_PAYLOAD_BYTES);
        let piece = self.rest.split_to(length);
        // It is never longer than a message allows: it was cut.
        Frame::data(encode_part(&piece).map(Bytes::from).unwrap_or_default())
    }

    fn model_error(&mut self, code: &str, words: &str) -> Frame<Bytes> {
        let payload = format!("{{\"ErrorCode\":\"{code}\",\"Message\":{}}}", quoted(words));
        self.exception("ModelStreamError", &payload)
    }

    fn exception(&mut self, kind: &str, payload: &str) -> Frame<Bytes> {
        self.done = true;
        // The model has nobody to talk to any more.
        self.source = Reply::Whole(Bytes::new());
        // Never longer than a message allows either.
        Frame::data(encode_exception(kind, payload.as_bytes()).map(Bytes::from).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Whole;
    use hyper::header::HeaderMap;
    use sagewire_core::eventstream::{Decoder, parse_headers};

    /// The frames of what `give` does with an answer in parts: kind and payload of each.
    fn said(give: impl FnOnce(crate::server::Parts) + Send + 'static) -> Vec<(String, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timeout = Duration::from_secs(60);
            let (whole, answer) = Whole::new(timeout);
            let worker = std::thread::spawn(move || give(whole.begin(200, HeaderMap::new())));
            let mut frames = Frames::new(answer.await.unwrap().body, timeout);
            let mut decoder = Decoder::default();
            let mut seen = Vec::new();
            while let Some(frame) = std::future::poll_fn(|context| frames.poll(context)).await {
                decoder.feed(frame.data_ref().unwrap());
                for message in decoder.ready() {
                    let kind = format!("{:?}", parse_headers(message.headers).unwrap()[0]);
                    seen.push((kind, String::from_utf8(message.payload.to_vec()).unwrap()));
                }
            }
            worker.join().unwrap();
            seen
        })
    }

    #[test]
    fn a_model_that_breaks_off_and_one_that_is_lost() {
        let broken = said(|parts| {
            parts.send("one".into());
            parts.abort("bad row".to_owned());
        });
        assert!(broken[0].0.contains("PayloadPart") && broken[0].1 == "one");
        assert!(broken[1].0.contains("ModelStreamError"), "{broken:?}");
        assert!(broken[1].1.contains("StreamBroken") && broken[1].1.contains("bad row"));
        let lost = said(drop);
        assert!(lost[0].0.contains("InternalStreamFailure"), "{lost:?}");
    }
}
