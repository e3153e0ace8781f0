"""boto3's exceptions about sources of credentials; `sagewire.exceptions` has their names too."""

from sagewire.exceptions import BotoCoreError, CredentialRetrievalError, InvalidConfigError

NAMES = frozenset(
    (
        "InfiniteLoopConfigError",
        "InvalidCredentialOutputError",
        "InvalidIMDSEndpointError",
        "InvalidIMDSEndpointModeError",
        "InvalidSTSRegionalEndpointsConfigError",
        "MetadataRetrievalError",
        "MissingCredentialFieldError",
        "MissingDependencyException",
        "RefreshWithMFAUnsupportedError",
        "SSOError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    )
)


class InvalidCredentialOutputError(CredentialRetrievalError, ValueError):
    """A source answered with something that cannot be read. Ours: boto3 lets the parser's through.

    Caught by `except ValueError` too, as the parsers' exceptions are.
    """


class MissingCredentialFieldError(CredentialRetrievalError, KeyError):
    """A source answered without a field that credentials need. Ours: boto3 raises `KeyError`."""


class MetadataRetrievalError(BotoCoreError):
    """A metadata service failed."""

    fmt = "Error retrieving metadata: {error_msg}"


class InvalidIMDSEndpointError(BotoCoreError):
    """The URL of the instance metadata service is malformed."""

    fmt = "Invalid endpoint EC2 Instance Metadata endpoint: {endpoint}"


class InvalidIMDSEndpointModeError(BotoCoreError):
    """The mode of the instance metadata service is unknown."""

    fmt = (
        "Invalid EC2 Instance Metadata endpoint mode: {mode} "
        "Valid endpoint modes (case-insensitive): {valid_modes}."
    )


class InvalidSTSRegionalEndpointsConfigError(BotoCoreError):
    """`sts_regional_endpoints` has an unknown value."""

    fmt = (
        "STS regional endpoints option {sts_regional_endpoints_config} is invalid. "
        'Valid options are: "legacy", "regional"'
    )


class InfiniteLoopConfigError(InvalidConfigError):
    """The source profiles of a role lead back to one that was visited."""

    fmt = (
        "Infinite loop in credential configuration detected. Attempting to load from profile "
        "{source_profile} which has already been visited. Visited profiles: {visited_profiles}"
    )


class RefreshWithMFAUnsupportedError(BotoCoreError):
    """A role that asks for a one-time code can be assumed only once."""

    fmt = "Cannot refresh credentials: MFA token required."


class SSOError(BotoCoreError):
    """IAM Identity Center failed."""

    fmt = (
        "An unspecified error happened when resolving AWS credentials or an access token from SSO."
    )


class SSOTokenLoadError(SSOError):
    """There is no readable token of IAM Identity Center."""

    fmt = "Error loading SSO Token: {error_msg}"


class UnauthorizedSSOTokenError(SSOError):
    """The token of IAM Identity Center has expired, or was refused."""

    fmt = (
        "The SSO session associated with this profile has expired or is otherwise invalid. To "
        "refresh this SSO session run aws sso login with the corresponding profile."
    )


class TokenRetrievalError(BotoCoreError):
    """No valid token could be had."""

    fmt = "Error when retrieving token from {provider}: {error_msg}"


class MissingDependencyException(BotoCoreError):
    """Something optional is needed that is not installed."""

    fmt = "Missing Dependency: {msg}"
