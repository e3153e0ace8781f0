//! From method and target to an operation and an endpoint. Twin: `_pure/server/route.py`.
//!
//! The paths are the API model's: `POST /endpoints/{EndpointName}/` and one of three last parts.

use std::borrow::Cow;

use sagewire_core::headers::Operation;

use super::errors::ServiceError;

/// The operation and the endpoint's name, decoded; or the service's error if there is none.
pub(super) fn route<'a>(
    method: &str,
    path: &'a str,
) -> Result<(Operation, Cow<'a, str>), ServiceError> {
    let mut parts = path.split('/');
    let (Some(""), Some("endpoints"), Some(name), Some(last), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ServiceError::unknown_operation());
    };
    let operation = match last {
        "invocations" => Operation::InvokeEndpoint,
        "async-invocations" => Operation::InvokeEndpointAsync,
        "invocations-response-stream" => Operation::InvokeEndpointWithResponseStream,
        _ => return Err(ServiceError::unknown_operation()),
    };
    if method != "POST" {
        return Err(ServiceError::method_not_allowed());
    }
    Ok((operation, decoded(name)))
}

/// Percent-decoded (RFC 3986, section 2.1); what is no escape stays as it is.
fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
            continue;
        }
        bytes.push(first);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_the_models_paths() {
        let (operation, name) = route("POST", "/endpoints/a%2Fb/async-invocations").unwrap();
        assert_eq!(decoded("%zz%4%C3%A9%ff%"), "%zz%4\u{e9}\u{fffd}%");
        assert_eq!((operation, name.as_ref()), (Operation::InvokeEndpointAsync, "a/b"));
        assert_eq!(route("GET", "/endpoints/a/invocations").unwrap_err().status.as_u16(), 405);
        for path in ["", "/", "/ping", "/endpoints/a/invocations/", "//endpoints/a/invocations"] {
            assert_eq!(route("POST", path).unwrap_err().status.as_u16(), 404, "{path}");
        }
    }
}
