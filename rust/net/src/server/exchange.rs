//! One request and its answer, from the route to the model. Twin: `_pure/server/exchange.py`.
//!
//! The order is the service's: is there such an operation, is the body acceptable, is the
//! signature right, may the caller call that endpoint, is there such an endpoint, are the members
//! valid; then the model is asked.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts as Head;
use hyper::{Request, Response, StatusCode};
use sagewire_core::headers::Operation;

use super::accept::Shared;
use super::body::{self, BodyError};
use super::call::Reply;
use super::errors::{ServiceError, quoted};
use super::frames::Frames;
use super::link::{Caller, Link};
use super::members;
use super::model::{ASYNC_CONTENT_TYPE, Question, Said};
use super::outgoing::Outgoing;
use super::permission;
use super::queue::Accepted;
use super::record::Draft;
use super::route::route;

const INVOKED_VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");
const INFERENCE_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const OUTPUT_LOCATION: HeaderName = HeaderName::from_static("x-amzn-sagemaker-outputlocation");
const FAILURE_LOCATION: HeaderName = HeaderName::from_static("x-amzn-sagemaker-failurelocation");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// The peer is gone, or too slow: there is nobody to answer.
#[derive(Debug, thiserror::Error)]
#[error("the peer is gone")]
pub(super) struct Gone;

/// Why there is no answer from the model.
#[derive(Debug)]
pub(super) enum Failure {
    Service(ServiceError),
    Gone,
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

/// Answers one request.
pub(super) async fn respond(
    shared: Arc<Shared>,
    peer: SocketAddr,
    link: Link,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Gone> {
    let request_id = shared.random.id();
    let mut draft = shared.settings.observer.as_ref().map(Draft::new);
    if let Some(draft) = &mut draft {
        draft.record.request_id.clone_from(&request_id);
        draft.record.peer = Some(peer);
    }
    // It comes first, as the service has it.
    let mut headers = HeaderMap::with_capacity(8);
    let value = HeaderValue::try_from(request_id).unwrap_or(HeaderValue::from_static(""));
    headers.insert(REQUEST_ID, value);
    let mut response = match answer(&shared, &link, request, &mut headers, &mut draft).await {
        Ok(response) => response,
        Err(Failure::Service(error)) => {
            if let Some(draft) = &mut draft {
                let code = error.code.clone();
                draft.record.error = code.unwrap_or_else(|| error.status.as_str().to_owned());
            }
            refusal(error, &mut headers)
        }
        Err(Failure::Gone) => return Err(Gone),
    };
    *response.headers_mut() = headers;
    if let Some(mut draft) = draft {
        draft.record.status = response.status().as_u16();
        response.body_mut().keep(draft);
    }
    Ok(response)
}

/// The answer; its headers are added to those that are there. Where there is none, nothing is added.
async fn answer(
    shared: &Shared,
    link: &Link,
    request: Request<Incoming>,
    headers: &mut HeaderMap,
    draft: &mut Option<Draft>,
) -> Result<Response<Outgoing>, Failure> {
    let limit = shared.settings.limits.max_body_bytes;
    let (head, mut body) = request.into_parts();
    let (operation, name) = match route(head.method.as_str(), head.uri.path()) {
        Ok(found) => found,
        Err(error) => return Err(discard(shared, &head, body, error).await),
    };
    if let Some(draft) = draft {
        draft.record.operation = operation.name();
    }
    let body = match body::read(&head, &mut body, limit, shared.settings.limits.body_timeout).await
    {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            tokio::spawn(body::linger(body));
            return Err(ServiceError::body_too_large(limit).into());
        }
        Err(BodyError::Gone) => return Err(Failure::Gone),
    };
    if let Some(draft) = draft {
        draft.record.bytes_in = body.len();
    }
    authorize(shared, &head, &body, operation, &name, draft).await?;
    let fleet = Arc::clone(&shared.fleet.read().unwrap_or_else(PoisonError::into_inner));
    let Some(endpoint) = fleet.get(name.as_ref()) else {
        return Err(ServiceError::endpoint_not_found(&name).into());
    };
    if let Some(draft) = draft {
        draft.record.endpoint = name.clone().into_owned();
    }
    let members = members_of(shared, operation, &head.headers)?;
    play_script(shared, &name).await?;
    if operation == Operation::InvokeEndpointAsync {
        let Some(queue) = &shared.queue else {
            return Err(ServiceError::not_asynchronous(&name).into());
        };
        return Ok(accepted(&queue.accept(shared, &name, &members, body).await?, headers));
    }
    let timeout = endpoint.model_timeout;
    // A model does not work for a caller who has hung up.
    let caller = Some(link);
    let question = Question {
        operation,
        name: &name,
        endpoint,
        caller,
        headers: members,
        body,
        timeout,
        limit,
    };
    let said = question.ask(shared, draft).await?;
    let caller = Caller::new(link.clone());
    Ok(relayed(said, operation, &name, shared, endpoint.stream_timeout, caller, headers)?)
}

/// The service's error unless the request is signed by somebody who may call the endpoint.
async fn authorize(
    shared: &Shared,
    head: &Head,
    body: &[u8],
    operation: Operation,
    endpoint: &str,
    draft: &mut Option<Draft>,
) -> Result<(), ServiceError> {
    let lookups = shared.settings.lookup.then_some(&shared.lookups);
    let now = shared.settings.now();
    let Some(caller) = shared.authenticator.check(head, body, now, lookups).await? else {
        return Ok(());
    };
    let id = &caller.credentials.access_key_id;
    if let Some(draft) = draft {
        draft.record.access_key_id.clone_from(id);
    }
    if caller.endpoints.iter().any(|pattern| permission::matches(pattern, endpoint)) {
        return Ok(());
    }
    let region = &shared.settings.region;
    Err(ServiceError::access_denied(id, operation.name(), region, endpoint))
}

/// What the operation supports of the headers, or the service's error for bad members.
fn members_of(
    shared: &Shared,
    operation: Operation,
    headers: &HeaderMap,
) -> Result<HeaderMap, ServiceError> {
    let mut kept = HeaderMap::with_capacity(8);
    keep(&mut kept, headers, |name| operation.supports_in_request(name.as_str().as_bytes()));
    members::check(&kept)?;
    // The container contract lets the service add headers; this is the one it adds:
    // <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html>.
    if !kept.contains_key(INFERENCE_ID) {
        let id = HeaderValue::try_from(shared.random.id());
        kept.insert(INFERENCE_ID, id.unwrap_or(HeaderValue::from_static("")));
    }
    Ok(kept)
}

/// Does what a test has asked for.
async fn play_script(shared: &Shared, endpoint: &str) -> Result<(), Failure> {
    let Some(fault) = shared.script.next(endpoint) else { return Ok(()) };
    if !fault.delay.is_zero() {
        tokio::time::sleep(fault.delay).await;
    }
    if fault.drops {
        return Err(Failure::Gone);
    }
    match fault.error {
        None => Ok(()),
        Some((status, code, message)) => {
            let region = &shared.settings.region;
            Err(ServiceError::scripted(endpoint, region, status, &code, &message).into())
        }
    }
}

/// What the caller of a request for later is told.
fn accepted(accepted: &Accepted, headers: &mut HeaderMap) -> Response<Outgoing> {
    let body = format!("{{\"InferenceId\":{}}}", quoted(&accepted.inference_id));
    let mut response = Response::new(Outgoing::whole(body));
    *response.status_mut() = StatusCode::ACCEPTED;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, location) in
        [(OUTPUT_LOCATION, &accepted.output), (FAILURE_LOCATION, &accepted.failure)]
    {
        if let Ok(location) = HeaderValue::from_bytes(location.as_bytes()) {
            headers.insert(name, location);
        }
    }
    response
}

/// A model's answer as the service gives it to the caller.
fn relayed(
    said: Said,
    operation: Operation,
    endpoint: &str,
    shared: &Shared,
    stream_timeout: std::time::Duration,
    caller: Caller,
    kept: &mut HeaderMap,
) -> Result<Response<Outgoing>, ServiceError> {
    let Said { answer, variant } = said;
    let region = &shared.settings.region;
    let streams = operation == Operation::InvokeEndpointWithResponseStream;
    if !(200..300).contains(&answer.status) {
        let message = match &answer.body {
            Reply::Whole(body) => String::from_utf8_lossy(body),
            Reply::Parts(_) | Reply::Container(_) => "".into(),
        };
        return Err(ServiceError::model_error(endpoint, region, answer.status, &message));
    }
    if let Reply::Whole(body) = &answer.body
        && !streams
        && body.len() > shared.settings.limits.max_body_bytes
    {
        return Err(ServiceError::model_answer_cut(endpoint, region));
    }
    let mut headers = answer.headers;
    if streams && let Some(content_type) = headers.remove(CONTENT_TYPE) {
        headers.insert(ASYNC_CONTENT_TYPE, content_type);
    }
    keep(kept, &headers, |name| {
        operation.supports_in_response(name.as_str().as_bytes()) && name != INVOKED_VARIANT
    });
    kept.insert(INVOKED_VARIANT, variant);
    let body = match answer.body {
        body if streams => {
            kept.insert(CONTENT_TYPE, EVENT_STREAM);
            Outgoing::frames(Frames::new(body, stream_timeout), caller)
        }
        Reply::Whole(body) => Outgoing::whole(body),
        Reply::Parts(parts) => Outgoing::parts(parts, caller),
        // A container's answer is read whole unless it is streamed (model.rs).
        Reply::Container(_) => return Err(ServiceError::model_answer_cut(endpoint, region)),
    };
    Ok(Response::new(body))
}

fn refusal(error: ServiceError, headers: &mut HeaderMap) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole(error.body));
    *response.status_mut() = error.status;
    if let Some(code) = error.code.and_then(|code| HeaderValue::try_from(code).ok()) {
        headers.insert(ERROR_TYPE, code);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if error.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if error.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn keep(kept: &mut HeaderMap, headers: &HeaderMap, good: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers {
        if good(name) {
            kept.append(name, value.clone());
        }
    }
}

/// Reads and drops the body of a request that has no route, so that the connection can go on.
async fn discard(
    shared: &Shared,
    head: &Head,
    mut body: Incoming,
    mut error: ServiceError,
) -> Failure {
    if head.headers.contains_key(EXPECT) {
        let has_body = head.headers.contains_key(CONTENT_LENGTH)
            || head.headers.contains_key(TRANSFER_ENCODING);
        error.close = error.close || has_body;
        return error.into();
    }
    let limits = &shared.settings.limits;
    match body::read(head, &mut body, limits.max_body_bytes, limits.body_timeout).await {
        Ok(_dropped) => error.into(),
        Err(BodyError::TooLarge) => {
            tokio::spawn(body::linger(body));
            error.close = true;
            error.into()
        }
        Err(BodyError::Gone) => Failure::Gone,
    }
}
