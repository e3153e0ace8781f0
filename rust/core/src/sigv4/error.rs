//! What can be wrong: with an argument of the signer, or with a signature.
//!
//! The texts stand here and, word for word, in `_pure/sigv4/error.py`; `tests/twins` holds them equal.

use thiserror::Error;

/// An argument that cannot be signed: which one, what was wrong, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{argument}: {problem}; allowed: {allowed}")]
pub struct InvalidArgument {
    /// The argument's name in the public API.
    pub argument: &'static str,
    /// What was wrong with it.
    pub problem: String,
    /// What would have been right.
    pub allowed: &'static str,
}

impl InvalidArgument {
    pub(crate) fn new(
        argument: &'static str,
        problem: impl Into<String>,
        allowed: &'static str,
    ) -> Self {
        Self { argument, problem: problem.into(), allowed }
    }
}

/// Why a signature is refused, as the service names it.
///
/// The codes are the exception names that the service's front end puts into `x-amzn-ErrorType`:
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html> lists the
/// conditions and statuses; docs/signing.md says where the spelling differs and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request carries no signature at all.
    MissingAuthenticationToken,
    /// The signature's own form is wrong.
    IncompleteSignature,
    /// The access key id, or the session token, is not known.
    UnrecognizedClient,
    /// The signature is not that of this request, or not of this time, region or service.
    InvalidSignature,
    /// The credentials have expired.
    ExpiredToken,
}

impl Refusal {
    /// The service's exception name.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::ExpiredToken => "ExpiredTokenException",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::IncompleteSignature => 400,
            _ => 403,
        }
    }
}

/// A signature that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SignatureError {
    /// The kind of refusal.
    pub refusal: Refusal,
    /// The words that the caller of the service reads. Never holds a secret or a right signature.
    pub message: String,
}

impl SignatureError {
    /// The service's exception name.
    pub fn code(&self) -> &'static str {
        self.refusal.code()
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> u16 {
        self.refusal.status()
    }

    pub(crate) fn missing() -> Self {
        let message = "Missing Authentication Token".to_owned();
        Self { refusal: Refusal::MissingAuthenticationToken, message }
    }

    pub(crate) fn incomplete(message: impl Into<String>) -> Self {
        Self { refusal: Refusal::IncompleteSignature, message: message.into() }
    }

    pub(crate) fn unrecognized() -> Self {
        let message = "The security token included in the request is invalid.".to_owned();
        Self { refusal: Refusal::UnrecognizedClient, message }
    }

    pub(crate) fn expired_token() -> Self {
        let message = "The security token included in the request is expired".to_owned();
        Self { refusal: Refusal::ExpiredToken, message }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { refusal: Refusal::InvalidSignature, message: message.into() }
    }

    pub(crate) fn mismatch() -> Self {
        Self::invalid(
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details.",
        )
    }
}
