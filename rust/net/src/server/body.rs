//! The body of a request: read within limits, or dropped. Its pure twin stands in `_pure/server/wire.py`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts as Head;
use tokio::time::Instant;

/// How long a caller may pause in the middle of a body.
const BODY_PAUSE: Duration = Duration::from_secs(60);
/// How long a refused body is read for, so that the refusal reaches a caller that still sends.
const LINGER: Duration = Duration::from_secs(2);

/// Why a body was not read.
pub(super) enum BodyError {
    /// It is over the limit; part of it may still be on its way.
    TooLarge,
    /// The peer is gone, or too slow.
    Gone,
}

fn declared_length(head: &Head) -> Option<u64> {
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Returns the whole body, if it arrives within `timeout`.
pub(super) async fn read(
    head: &Head,
    body: &mut Incoming,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    read_within_limit(head, body, limit, Instant::now() + timeout).await
}

async fn read_within_limit(
    head: &Head,
    body: &mut Incoming,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, BodyError> {
    let declared =
        declared_length(head).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge);
    }
    // Most bodies come as one frame, which is passed on as it is.
    let Some(first) = next_piece(body, deadline).await? else { return Ok(Bytes::new()) };
    if declared == Some(first.len()) {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(declared.unwrap_or(first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next_piece(body, deadline).await? {
        if whole.len() + piece.len() > limit {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    if whole.len() > limit { Err(BodyError::TooLarge) } else { Ok(whole.freeze()) }
}

async fn next_piece(body: &mut Incoming, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
    loop {
        let until = deadline.min(Instant::now() + BODY_PAUSE);
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Gone),
        }
    }
}

/// Reads and drops what still arrives, for a short while.
pub(super) async fn linger(mut body: Incoming) {
    let drain = async { while let Some(Ok(_dropped)) = body.frame().await {} };
    // Whoever still sends after that learns nothing.
    let _elapsed = tokio::time::timeout(LINGER, drain).await;
}
