//! The service's errors and their words. Twin: `_pure/server/errors.py`, which names the sources.

use std::fmt::Write;

use hyper::StatusCode;

/// The account that a local endpoint claims to belong to; AWS's documentation uses the same.
const ACCOUNT_ID: &str = "123456789012";
/// What the service calls the only container of a model.
const CONTAINER: &str = "primary";
/// The API model's maximum for `Message` and `OriginalMessage`, in characters.
const LONGEST_MESSAGE: usize = 2048;

/// An answer that is an error: its status, its name for `x-amzn-ErrorType`, its JSON text.
#[derive(Debug)]
pub(super) struct ServiceError {
    pub(super) status: StatusCode,
    pub(super) code: Option<String>,
    pub(super) body: String,
    /// Whether the connection ends with it.
    pub(super) close: bool,
}

impl ServiceError {
    /// No operation has that path.
    pub(super) fn unknown_operation() -> Self {
        let message = "No operation has this path.";
        Self::plain(StatusCode::NOT_FOUND, "UnknownOperationException", message)
    }

    /// The operation has another method.
    pub(super) fn method_not_allowed() -> Self {
        let message = "This operation has the method POST.";
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, "UnknownOperationException", message)
    }

    /// The body is over the limit. The answer has no name, so that callers see the code 413.
    pub(super) fn body_too_large(limit: usize) -> Self {
        let message = format!("HTTP content length exceeded {limit} bytes.");
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: None,
            body: format!("{{\"message\":{}}}", quoted(&message)),
            close: true,
        }
    }

    /// The signature was not accepted.
    pub(super) fn refused_signature(code: &str, status: u16, message: &str) -> Self {
        Self::plain(StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN), code, message)
    }

    /// There is no endpoint of that name.
    pub(super) fn endpoint_not_found(name: &str) -> Self {
        let message = format!("Endpoint {name} of account {ACCOUNT_ID} not found.");
        Self::validation("NO_SUCH_ENDPOINT", &message)
    }

    /// `TargetVariant` names no variant of the endpoint.
    pub(super) fn variant_not_found(name: &str, variant: &str) -> Self {
        let message =
            format!("Variant {variant} of endpoint {name} of account {ACCOUNT_ID} not found.");
        Self::validation("NO_SUCH_VARIANT", &message)
    }

    /// `InferenceComponentName` names no component of the endpoint.
    pub(super) fn component_not_found(name: &str, component: &str) -> Self {
        let message = format!("Inference Component {component} of endpoint {name} not found.");
        Self::validation("NO_SUCH_INFERENCE_COMPONENT", &message)
    }

    /// Calls of an endpoint with components have to name one. The words are the service's, seen in
    /// <https://github.com/langchain-ai/langchain/issues/14344>.
    pub(super) fn component_required() -> Self {
        let message = "Inference Component Name header is required for endpoints to which you plan \
                       to deploy inference components. Please include Inference Component Name \
                       header or consider using SageMaker models.";
        Self::validation("MISSING_MEMBER", message)
    }

    /// `TargetContainerHostname` names no container of the variant.
    pub(super) fn hostname_not_found(name: &str, hostname: &str) -> Self {
        let message = format!("Container {hostname} of endpoint {name} not found.");
        Self::validation("NO_SUCH_CONTAINER", &message)
    }

    /// Calls of the endpoint have to say something that this one does not.
    pub(super) fn member_required(name: &str, member: &str) -> Self {
        let message = format!("Endpoint {name} needs {member} to be specified.");
        Self::validation("MISSING_MEMBER", &message)
    }

    /// The member means something only on endpoints of another kind.
    pub(super) fn member_not_supported(name: &str, member: &str) -> Self {
        let message = format!("{member} can't be specified for endpoint {name}.");
        Self::validation("UNSUPPORTED_MEMBER", &message)
    }

    /// `SessionId` names no session that is open.
    pub(super) fn session_not_found(name: &str, id: &str) -> Self {
        let message = format!("Session {id} of endpoint {name} not found or expired.");
        Self::validation("NO_SUCH_SESSION", &message)
    }

    /// A member's value is not what the API model allows.
    ///
    /// Some are marked sensitive in the API model: the value is not repeated.
    pub(super) fn invalid_member(member: &str, constraint: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
             {constraint}"
        );
        let code = Some("ValidationError".to_owned());
        let body = format!("{{\"Message\":{}}}", quoted(&message));
        Self { status: StatusCode::BAD_REQUEST, code, body, close: false }
    }

    /// The caller may not call that endpoint. Said before it is known whether there is one.
    pub(super) fn access_denied(
        access_key_id: &str,
        operation: &str,
        region: &str,
        endpoint: &str,
    ) -> Self {
        let action = format!("sagemaker:{operation}");
        let message = format!(
            "User: {access_key_id} is not authorized to perform: {action} on resource: \
             arn:aws:sagemaker:{region}:{ACCOUNT_ID}:endpoint/{} because no identity-based policy \
             allows the {action} action",
            endpoint.to_lowercase(),
        );
        let code = Some("AccessDeniedException".to_owned());
        let body = format!("{{\"Message\":{}}}", quoted(&message));
        Self { status: StatusCode::FORBIDDEN, code, body, close: false }
    }

    /// The model is not there yet, and will be.
    pub(super) fn model_not_ready() -> Self {
        let message = "The model is being loaded, or its container is being started. Wait and try \
                       your request again.";
        Self::message(StatusCode::TOO_MANY_REQUESTS, "ModelNotReadyException", message)
    }

    /// There is nobody who could answer.
    pub(super) fn service_unavailable() -> Self {
        let message = "No container of the endpoint is healthy. Try your call again.";
        Self::message(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// An error that a test has asked for.
    pub(super) fn scripted(
        endpoint: &str,
        region: &str,
        status: u16,
        code: &str,
        message: &str,
    ) -> Self {
        if code == "ModelError" {
            return Self::model_error(endpoint, region, 500, message);
        }
        Self::plain(
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message,
        )
    }

    /// The endpoint does not take requests for later.
    pub(super) fn not_asynchronous(name: &str) -> Self {
        let message = format!("Endpoint {name} is not asynchronous: it has no output location.");
        Self::validation("NOT_ASYNCHRONOUS", &message)
    }

    /// A request for later has two inputs, or none.
    pub(super) fn one_input() -> Self {
        let message = "1 validation error detected: Exactly one of 'body' and 'inputLocation' must \
                       be specified";
        Self::message(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    /// The server itself cannot do what it should.
    pub(super) fn internal_failure() -> Self {
        let message = "The request could not be written down. Try your call again.";
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message)
    }

    /// Whether it says that there is nobody to ask at the moment.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.code.as_deref(), Some("ModelNotReadyException" | "ServiceUnavailable"))
    }

    /// What a timed-out model's caller is told.
    pub(super) fn time_out_words() -> String {
        format!(
            "Your invocation timed out while waiting for a response from container {CONTAINER}. \
             Review the latency metrics for each container in Amazon CloudWatch, resolve the \
             issue, and try again."
        )
    }

    /// The model's container answered with an error.
    pub(super) fn model_error(endpoint: &str, region: &str, status: u16, message: &str) -> Self {
        let original: String = message.chars().take(LONGEST_MESSAGE).collect();
        let said = format!(" with message \"{original}\"");
        Self::from_model(endpoint, region, status, &original, &said)
    }

    /// The model did not answer in time.
    pub(super) fn model_timed_out(endpoint: &str, region: &str) -> Self {
        Self::model_error(endpoint, region, 0, &Self::time_out_words())
    }

    /// The container refused the connection, or ended it before it answered.
    pub(super) fn model_unreachable(endpoint: &str, region: &str) -> Self {
        let message = format!(
            "Amazon SageMaker could not get a response from the {endpoint} endpoint. This can \
             occur when CPU or memory utilization is high. To check your utilization, see Amazon \
             CloudWatch. To fix this problem, use an instance type with more CPU capacity or \
             memory."
        );
        Self::model_error(endpoint, region, 0, &message)
    }

    /// The container's answer broke off, or is longer than the service takes.
    pub(super) fn model_answer_cut(endpoint: &str, region: &str) -> Self {
        Self::from_model(endpoint, region, 500, "", " and could not load the entire response body")
    }

    fn from_model(endpoint: &str, region: &str, status: u16, original: &str, said: &str) -> Self {
        let (kind, code) = if (400..500).contains(&status) {
            ("client", "CLIENT_ERROR_FROM_MODEL")
        } else {
            ("server", "SERVER_ERROR_FROM_MODEL")
        };
        let group = format!("/aws/sagemaker/Endpoints/{endpoint}");
        let message = format!(
            "Received {kind} error ({status}) from {CONTAINER}{said}. See \
             https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}\
             #logEventViewer:group={group} in account {ACCOUNT_ID} for more information."
        );
        let arn = format!("arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{group}");
        let body = format!(
            "{{\"ErrorCode\":\"{code}\",\"LogStreamArn\":{},\"Message\":{},\"OriginalMessage\":{},\
             \"OriginalStatusCode\":{status}}}",
            quoted(&arn),
            quoted(&message),
            quoted(original),
        );
        Self {
            status: StatusCode::FAILED_DEPENDENCY,
            code: Some("ModelError".to_owned()),
            body,
            close: false,
        }
    }

    fn validation(error_code: &str, message: &str) -> Self {
        let body = format!("{{\"ErrorCode\":\"{error_code}\",\"Message\":{}}}", quoted(message));
        let code = Some("ValidationError".to_owned());
        Self { status: StatusCode::BAD_REQUEST, code, body, close: false }
    }

    fn message(status: StatusCode, code: &str, message: &str) -> Self {
        let body = format!("{{\"Message\":{}}}", quoted(message));
        Self { status, code: Some(code.to_owned()), body, close: false }
    }

    fn plain(status: StatusCode, code: &str, message: &str) -> Self {
        let body = format!("{{\"message\":{}}}", quoted(message));
        Self { status, code: Some(code.to_owned()), body, close: false }
    }
}

/// A JSON string (RFC 8259, section 7), escaping what must be escaped and nothing else.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let _never_fails = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_what_it_must() {
        assert_eq!(quoted("a\"\\\n\u{1}\u{7f}é"), "\"a\\\"\\\\\\n\\u0001\u{7f}é\"");
    }

    #[test]
    fn a_long_message_is_cut() {
        let error = ServiceError::model_error("e", "r", 400, &"é".repeat(5000));
        assert!(error.body.contains(&"é".repeat(2048)));
        assert!(!error.body.contains(&"é".repeat(2049)));
    }
}
