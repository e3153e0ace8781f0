"""Errors that the services behind credentials answer with, as boto3's classes of the same names."""

from sagewire.exceptions import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ExpiredTokenException(ClientError):
    """The web identity token, or the session token that asks, has expired."""


class IDPCommunicationErrorException(ClientError):
    """STS could not reach the identity provider."""


class IDPRejectedClaimException(ClientError):
    """The identity provider rejected the token."""


class InvalidContextAssertionException(ClientError):
    """The provided context was not accepted."""


class InvalidIdentityTokenException(ClientError):
    """The web identity token is not valid."""


class InvalidRequestException(ClientError):
    """The SSO portal refused the request's input."""


class MalformedPolicyDocumentException(ClientError):
    """A policy was malformed."""


class PackedPolicyTooLargeException(ClientError):
    """Policies and tags together are too large."""


class RegionDisabledException(ClientError):
    """STS is not activated in that region."""


class ResourceNotFoundException(ClientError):
    """The SSO portal knows no such account or role."""


class TooManyRequestsException(ClientError):
    """The SSO portal was asked too often."""


class UnauthorizedException(ClientError):
    """The SSO portal did not accept the token."""


# Code on the wire -> class, for the operations that are called here.
_POLICIES = {
    "MalformedPolicyDocument": MalformedPolicyDocumentException,
    "PackedPolicyTooLarge": PackedPolicyTooLargeException,
    "RegionDisabledException": RegionDisabledException,
    "ExpiredTokenException": ExpiredTokenException,
}
MODELED: "dict[str, dict[str, type[ClientError]]]" = {
    "AssumeRole": {**_POLICIES, "InvalidContextAssertion": InvalidContextAssertionException},
    "AssumeRoleWithWebIdentity": {
        **_POLICIES,
        "IDPRejectedClaim": IDPRejectedClaimException,
        "IDPCommunicationError": IDPCommunicationErrorException,
        "InvalidIdentityToken": InvalidIdentityTokenException,
    },
    "GetRoleCredentials": {
        "InvalidRequestException": InvalidRequestException,
        "UnauthorizedException": UnauthorizedException,
        "TooManyRequestsException": TooManyRequestsException,
        "ResourceNotFoundException": ResourceNotFoundException,
    },
}


def error_of(operation: str, response: "dict[str, Any]") -> ClientError:
    """Return the exception for an error answer, read into boto3's form."""
    kinds = MODELED.get(operation, {})
    return kinds.get(response["Error"]["Code"], ClientError)(response, operation)
