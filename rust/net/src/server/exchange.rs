//! One request and its answer, from the route to the container. Twin: `_pure/server/exchange.py`.
//!
//! The order is the service's: is there such an operation, is the body acceptable, is the
//! signature right, is there such an endpoint, are the members valid; then the model is asked.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
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
use super::call::{Answer, Call, PartsBody, Reply, Whole};
use super::container::NoAnswer;
use super::errors::ServiceError;
use super::route::route;

/// What an endpoint with one variant calls it, in the console and in the SDK.
const ONLY_VARIANT: HeaderValue = HeaderValue::from_static("AllTraffic");
const CUSTOM_ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");
const TARGET_VARIANT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-variant");
const INVOKED_VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const LONGEST_CUSTOM_ATTRIBUTES: usize = 1024;
pub(super) type AnswerBody = Either<Full<Bytes>, PartsBody>;

/// The peer is gone, or too slow: there is nobody to answer.
#[derive(Debug, thiserror::Error)]
#[error("the peer is gone")]
pub(super) struct Gone;

/// Why there is no answer from the model.
enum Failure {
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
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Gone> {
    let mut response = match answer(&shared, request).await {
        Ok(response) => response,
        Err(Failure::Service(error)) => refusal(error),
        Err(Failure::Gone) => return Err(Gone),
    };
    // The id comes first, as the service has it.
    let mut headers = HeaderMap::with_capacity(response.headers().len() + 3);
    headers.insert(REQUEST_ID, shared.request_ids.next());
    headers.extend(std::mem::take(response.headers_mut()));
    *response.headers_mut() = headers;
    Ok(response)
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Failure> {
    let (head, mut body) = request.into_parts();
    let (operation, endpoint) = match route(head.method.as_str(), head.uri.path()) {
        Ok(found) => found,
        Err(error) => return Err(discard(shared, &head, body, error).await),
    };
    let body = match body::read(&head, &mut body, shared.settings.max_body_bytes).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            tokio::spawn(body::linger(body));
            return Err(ServiceError::body_too_large(shared.settings.max_body_bytes).into());
        }
        Err(BodyError::Gone) => return Err(Failure::Gone),
    };
    shared.authenticator.check(&head, &body, (shared.settings.clock)())?;
    if operation != Operation::InvokeEndpoint {
        return Err(ServiceError::operation_not_answered(operation.name()).into());
    }
    let Some(container) = shared.endpoints.get(endpoint.as_ref()) else {
        return Err(ServiceError::endpoint_not_found(&endpoint).into());
    };
    let headers = checked_headers(operation, &endpoint, &head.headers)?;
    let region = &shared.settings.region;
    let answer = match container {
        Some(container) => {
            container.invoke(headers, body).await.map_err(|failure| match failure {
                NoAnswer::Unreachable => ServiceError::model_unreachable(&endpoint, region),
                NoAnswer::TimedOut => ServiceError::model_timed_out(&endpoint, region),
                NoAnswer::Cut => ServiceError::model_answer_cut(&endpoint, region),
            })?
        }
        None => ask_handler(shared, &endpoint, operation, headers, body).await?,
    };
    Ok(relayed(answer, operation, &endpoint, region, shared.settings.max_body_bytes)?)
}

/// What the model may see of the headers, or the service's error for bad members.
fn checked_headers(
    operation: Operation,
    endpoint: &str,
    headers: &HeaderMap,
) -> Result<HeaderMap, ServiceError> {
    let kept = filtered(headers, |name| operation.supports_in_request(name.as_str().as_bytes()));
    for (name, value) in &kept {
        if name == CUSTOM_ATTRIBUTES {
            if value.len() > LONGEST_CUSTOM_ATTRIBUTES {
                return Err(ServiceError::custom_attributes_too_long());
            }
            if !value.as_bytes().is_ascii() {
                return Err(ServiceError::custom_attributes_not_visible());
            }
        } else if name == TARGET_VARIANT && value != ONLY_VARIANT {
            let variant: String = value.as_bytes().iter().copied().map(char::from).collect();
            return Err(ServiceError::variant_not_found(endpoint, &variant));
        }
    }
    Ok(kept)
}

async fn ask_handler(
    shared: &Shared,
    endpoint: &str,
    operation: Operation,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Failure> {
    let timeout = shared.settings.model_timeout;
    let (whole, answer) = Whole::new(timeout);
    let endpoint_name = endpoint.to_owned();
    shared.calls.put(Call { endpoint_name, operation, headers, body, whole });
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_dropped)) => Err(Failure::Gone),
        Err(_elapsed) => {
            Err(ServiceError::model_timed_out(endpoint, &shared.settings.region).into())
        }
    }
}

/// A container's answer as the service gives it to the caller.
fn relayed(
    answer: Answer,
    operation: Operation,
    endpoint: &str,
    region: &str,
    max_body_bytes: usize,
) -> Result<Response<AnswerBody>, ServiceError> {
    if !(200..300).contains(&answer.status) {
        let message = match &answer.body {
            Reply::Whole(body) => String::from_utf8_lossy(body),
            Reply::Parts(_) => "".into(),
        };
        return Err(ServiceError::model_error(endpoint, region, answer.status, &message));
    }
    let body = match answer.body {
        Reply::Whole(body) if body.len() > max_body_bytes => {
            return Err(ServiceError::model_answer_cut(endpoint, region));
        }
        Reply::Whole(body) => Either::Left(Full::new(body)),
        Reply::Parts(parts) => Either::Right(parts),
    };
    let mut response = Response::new(body);
    *response.headers_mut() = filtered(&answer.headers, |name| {
        operation.supports_in_response(name.as_str().as_bytes()) && name != INVOKED_VARIANT
    });
    response.headers_mut().insert(INVOKED_VARIANT, ONLY_VARIANT);
    Ok(response)
}

fn refusal(error: ServiceError) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Left(Full::from(error.body)));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
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

fn filtered(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(8);
    for (name, value) in headers {
        if keep(name) {
            kept.append(name, value.clone());
        }
    }
    kept
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
    match body::read(head, &mut body, shared.settings.max_body_bytes).await {
        Ok(_dropped) => error.into(),
        Err(BodyError::TooLarge) => {
            tokio::spawn(body::linger(body));
            error.close = true;
            error.into()
        }
        Err(BodyError::Gone) => Failure::Gone,
    }
}
