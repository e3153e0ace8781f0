"""The words of a refused argument or signature. Twin: rust/core/src/sigv4/error.rs."""

from sagewire.exceptions import InvalidArgumentError, SignatureError


def invalid_argument(argument: str, problem: str, allowed: str) -> InvalidArgumentError:
    """Return the error of an argument that cannot be signed."""
    return InvalidArgumentError(argument=argument, problem=problem, allowed=allowed)


def missing() -> SignatureError:
    """Return the error of a request without a signature."""
    return SignatureError(
        code="MissingAuthenticationTokenException",
        status=403,
        message="Missing Authentication Token",
    )


def incomplete(message: str) -> SignatureError:
    """Return the error of a signature whose own form is wrong."""
    return SignatureError(code="IncompleteSignatureException", status=400, message=message)


def unrecognized() -> SignatureError:
    """Return the error of an unknown access key id or session token."""
    return SignatureError(
        code="UnrecognizedClientException",
        status=403,
        message="The security token included in the request is invalid.",
    )


def expired_token() -> SignatureError:
    """Return the error of credentials that have expired."""
    return SignatureError(
        code="ExpiredTokenException",
        status=403,
        message="The security token included in the request is expired",
    )


def invalid(message: str) -> SignatureError:
    """Return the error of a signature that is not this request's, time's, region's or service's."""
    return SignatureError(code="InvalidSignatureException", status=403, message=message)


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
