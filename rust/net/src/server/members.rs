//! What the API model says about the members that travel as headers. Twin: `_pure/server/members.py`.

use hyper::header::HeaderMap;

use super::errors::ServiceError;

/// A member: its header, its name in errors, its length in characters, its form.
struct Member {
    header: &'static str,
    name: &'static str,
    longest: usize,
    form: Form,
}

/// What a member's text may be.
#[derive(Clone, Copy)]
enum Form {
    /// Letters and digits, with hyphens between them.
    Name,
    /// No space first, and nothing but what can be printed.
    Printable,
    /// Visible ASCII, spaces and tabs: what HTTP lets a header carry.
    Ascii,
    /// A name, or `NEW_SESSION`.
    Session,
}

impl Form {
    fn holds(self, value: &[u8]) -> bool {
        match self {
            Self::Name => {
                let edges = [value.first(), value.last()];
                edges.iter().all(|edge| edge.is_some_and(u8::is_ascii_alphanumeric))
                    && value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            }
            Self::Printable => {
                value.first().is_some_and(|first| *first != b' ' && *first != b'\t')
                    && !value.contains(&b'\t')
            }
            Self::Ascii => value.is_ascii(),
            Self::Session => value == super::sessions::NEW_SESSION || Self::Name.holds(value),
        }
    }

    fn constraint(self) -> &'static str {
        match self {
            Self::Name => {
                "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
            }
            Self::Printable => {
                "Member must satisfy regular expression pattern: \\A\\S[\\p{Print}]*\\z"
            }
            Self::Ascii => "Member must consist of visible ASCII characters",
            Self::Session => {
                "Member must satisfy regular expression pattern: \
                 ^(NEW_SESSION)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
            }
        }
    }
}

const MEMBERS: [Member; 9] = [
    member("x-amzn-sagemaker-custom-attributes", "customAttributes", 1024, Form::Ascii),
    member("x-amzn-sagemaker-target-model", "targetModel", 1024, Form::Printable),
    member("x-amzn-sagemaker-target-variant", "targetVariant", 63, Form::Name),
    member("x-amzn-sagemaker-target-container-hostname", "targetContainerHostname", 63, Form::Name),
    member("x-amzn-sagemaker-inference-id", "inferenceId", 64, Form::Printable),
    member("x-amzn-sagemaker-enable-explanations", "enableExplanations", 64, Form::Ascii),
    member("x-amzn-sagemaker-inference-component", "inferenceComponentName", 63, Form::Name),
    member("x-amzn-sagemaker-session-id", "sessionId", 256, Form::Session),
    member("x-amzn-sagemaker-prefix-aware-id", "prefixAwareId", 64, Form::Printable),
];

const fn member(header: &'static str, name: &'static str, longest: usize, form: Form) -> Member {
    Member { header, name, longest, form }
}

/// The service's error for the first member whose value the API model does not allow.
///
/// Bytes are counted as characters: a header is Latin-1 to the service.
pub(super) fn check(headers: &HeaderMap) -> Result<(), ServiceError> {
    for (header, value) in headers {
        let Some(member) = MEMBERS.iter().find(|member| member.header == header.as_str()) else {
            continue;
        };
        if value.len() > member.longest {
            let constraint =
                format!("Member must have length less than or equal to {}", member.longest);
            return Err(ServiceError::invalid_member(member.name, &constraint));
        }
        if !member.form.holds(value.as_bytes()) {
            return Err(ServiceError::invalid_member(member.name, member.form.constraint()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_forms() {
        for (form, good, bad) in [
            (Form::Name, "a", "-a"),
            (Form::Name, "a--b", "a_b"),
            (Form::Printable, "m x.tar.gz", " m"),
            (Form::Ascii, "a\tb", "\u{e9}"),
            (Form::Session, "NEW_SESSION", "NEW_SESSIONS"),
            (Form::Session, "a-1", ""),
        ] {
            assert!(form.holds(good.as_bytes()), "{good}");
            assert!(!form.holds(bad.as_bytes()), "{bad}");
        }
    }
}
