"""The order in which credentials are looked for: boto3's.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
Sources that this release cannot read keep their place in the order: where boto3 would use one, the
call fails with its name instead of signing with keys that boto3 would not have used.
"""

from sagewire.credentials.sources import Absent, Fixed, FromCallable, FromSession
from sagewire.exceptions import PartialCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sagewire.credentials.profiles import Profile, Section
    from sagewire.credentials.sources import Source

# A profile's keys that ask for a source of a later release, in boto3's order.
_BEFORE_STATIC_KEYS = {
    "web_identity_token_file": "assuming a role with a web identity",
    "role_arn": "assuming a role",
    "sso_session": "IAM Identity Center (SSO)",
    "sso_start_url": "IAM Identity Center (SSO)",
}
_BETWEEN_FILES = {
    "login_session": "a console login session",
    "credential_process": "a credential process",
}
_VARIABLES_AFTER_FILES = {
    "AWS_CREDENTIAL_FILE": "a legacy credential file",
    "BOTO_CONFIG": "a boto 2 config file",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "the container credentials endpoint",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "the container credentials endpoint",
}


def from_arguments(
    access_key_id: "str | None", secret_access_key: "str | None", token: "str | None"
) -> "Source | None":
    """Return the explicit keys, `None` if there are none.

    Raises `PartialCredentialsError` if one of the two is missing. A token alone counts for nothing.
    """
    if access_key_id is None and secret_access_key is None:
        return None
    if access_key_id is None or secret_access_key is None:
        missing = "aws_access_key_id" if access_key_id is None else "aws_secret_access_key"
        raise PartialCredentialsError(provider="explicit", cred_var=missing)
    return Fixed(Credentials(access_key_id, secret_access_key, token), "explicit")


def from_object(given: "Credentials | Callable[[], Credentials]") -> "Source":
    """Return what the `credentials` argument stands for; `TypeError` for anything else."""
    if isinstance(given, Credentials):
        return Fixed(given, "explicit")
    if callable(given):
        return FromCallable(given)
    raise TypeError(
        "credentials: expected sagewire.sigv4.Credentials or a callable that returns them, "
        f"got {type(given).__name__}"
    )


def from_session(session: "Any") -> "Source":
    """Return a source over a boto3 or botocore session's credentials."""
    theirs = session.get_credentials()
    if hasattr(theirs, "__await__"):
        theirs.close()
        raise TypeError("session: an asyncio session gives its credentials to asyncio code only")
    return FromSession(theirs)


def found(profile: "Profile", environ: "Mapping[str, str]") -> "Source":
    """Return the first source that has something, looking where boto3 looks.

    Raises `PartialCredentialsError` for a key id without its secret.
    """
    name = f"profile {profile.name!r}"
    # A profile named in code takes the environment's keys out of the search.
    if not profile.named:
        keys = _from_environment(environ)
        if keys is not None:
            return keys
    for key, source in _BEFORE_STATIC_KEYS.items():
        if key in profile.settings:
            return Absent(f"{key} of {name}", source)
    if not profile.named and "AWS_WEB_IDENTITY_TOKEN_FILE" in environ:
        return Absent("AWS_WEB_IDENTITY_TOKEN_FILE", "assuming a role with a web identity")
    keys = _from_section(profile.from_credentials_file, "shared-credentials-file")
    if keys is not None:
        return keys
    for key, source in _BETWEEN_FILES.items():
        if key in profile.settings:
            return Absent(f"{key} of {name}", source)
    keys = _from_section(profile.from_config_file, "config-file")
    if keys is not None:
        return keys
    for variable, source in _VARIABLES_AFTER_FILES.items():
        if environ.get(variable):
            return Absent(variable, source)
    return Absent()


def _from_environment(environ: "Mapping[str, str]") -> "Source | None":
    access_key_id = environ.get("AWS_ACCESS_KEY_ID")
    if not access_key_id:
        return None
    secret_access_key = environ.get("AWS_SECRET_ACCESS_KEY")
    if not secret_access_key:
        raise PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY")
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN") or None
    return Fixed(Credentials(access_key_id, secret_access_key, token), "env")


def _from_section(section: "Section", method: str) -> "Source | None":
    access_key_id = section.get("aws_access_key_id")
    if access_key_id is None:
        return None
    secret_access_key = section.get("aws_secret_access_key")
    if secret_access_key is None:
        raise PartialCredentialsError(provider=method, cred_var="aws_secret_access_key")
    token = section.get("aws_security_token") or section.get("aws_session_token")
    return Fixed(Credentials(access_key_id, secret_access_key, token), method)
