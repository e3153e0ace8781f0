"""IAM Identity Center (SSO): a role's credentials for the token of a login.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from functools import partial

from sagewire.credential_exceptions import (
    InvalidCredentialOutputError,
    MissingCredentialFieldError,
    UnauthorizedSSOTokenError,
)
from sagewire.credentials import clock, dates
from sagewire.credentials.errors import MODELED, UnauthorizedException
from sagewire.credentials.refreshing import Refreshing
from sagewire.credentials.service import Caller, Service, metadata, region_of, unreadable
from sagewire.credentials.sso_token import Token, cached
from sagewire.exceptions import InvalidConfigError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.line import Answer
    from sagewire.credentials.profiles import Profile, Section
    from sagewire.credentials.sources import Source

METHOD = "sso"
_PORTAL = Service("sso", "portal.sso", "portal.sso-fips")
_OF_PROFILE = ("sso_role_name", "sso_account_id")
_REQUIRED = (*_OF_PROFILE, "sso_start_url", "sso_region")


def load(context: "Context", profile: "Profile") -> "Source | None":
    """Return the profile's role, to be asked for at the first use; `None` if it has none.

    Raises `InvalidConfigError` if settings are missing or contradict each other.
    """
    if not any(key in profile.settings for key in _OF_PROFILE):
        return None
    settings = _with_session(profile)
    missing = [key for key in _REQUIRED if key not in settings]
    if missing:
        raise InvalidConfigError(
            error_msg=f'The profile "{profile.name}" is configured to use SSO but is missing '
            f"required configuration: {', '.join(missing)}"
        )
    if "sso_session" in settings:
        token: Callable[[], str] = Token(
            context, settings["sso_session"], settings["sso_start_url"], settings["sso_region"]
        )
        features = ("r", "s")
    else:
        token = partial(_legacy_token, settings["sso_start_url"])
        features = ("t", "u")
    return Refreshing(partial(_fetch, context, settings, token), METHOD, features)


def _with_session(profile: "Profile") -> "Section":
    """Return the profile's settings, with those of the `sso-session` that it refers to."""
    name = profile.settings.get("sso_session")
    if name is None:
        return profile.settings
    session = profile.files.sso_sessions.get(name)
    if session is None:
        raise InvalidConfigError(error_msg=f'The specified sso-session does not exist: "{name}"')
    for key, value in session.items():
        own = profile.settings.get(key, value)
        if own != value:
            raise InvalidConfigError(
                error_msg=f"The value for {key} is inconsistent between profile ({own}) and "
                f"sso-session ({value})."
            )
    return {**profile.settings, **session}


def _legacy_token(start_url: str) -> str:
    token = cached(start_url, start_url)
    if dates.parse_answer(token["expiresAt"], METHOD).timestamp() <= clock.now():
        raise UnauthorizedSSOTokenError
    access_token: str = token["accessToken"]
    return access_token


def _fetch(context: "Context", settings: "Section", token: "Callable[[], str]") -> Credentials:
    from urllib.parse import urlencode

    region = region_of(settings["sso_region"])
    url, _ = _PORTAL.url(context, region)
    caller = Caller(context, url, read_error)
    query = urlencode(
        {"role_name": settings["sso_role_name"], "account_id": settings["sso_account_id"]}
    )
    try:
        answer = caller.call(
            "GetRoleCredentials",
            "GET",
            f"/federation/credentials?{query}",
            [("x-amz-sso_bearer_token", token())],
        )
    except UnauthorizedException:
        raise UnauthorizedSSOTokenError from None
    given = document(answer).get("roleCredentials")
    keys = ("accessKeyId", "secretAccessKey", "sessionToken", "expiration")
    if not isinstance(given, dict) or any(key not in given for key in keys):
        raise MissingCredentialFieldError(
            provider=METHOD, error_msg=f"the answer has not all of {', '.join(keys)}"
        )
    return Credentials(
        given["accessKeyId"],
        given["secretAccessKey"],
        given["sessionToken"],
        _moment(given["expiration"]),
    )


def _moment(milliseconds: "Any") -> "datetime":
    from datetime import datetime, timezone

    try:
        return datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise InvalidCredentialOutputError(
            provider=METHOD, error_msg="the expiration is not a number of milliseconds since 1970"
        ) from None


def document(answer: "Answer") -> "dict[str, Any]":
    """Return an answer's JSON object; raise `InvalidCredentialOutputError` if it is none."""
    import json

    try:
        read = json.loads(answer.body)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidCredentialOutputError(
            provider=METHOD, error_msg="the answer is no JSON object"
        )
    return read


def read_error(answer: "Answer") -> "dict[str, Any]":
    """Return boto3's `response` for an error in JSON."""
    try:
        body = document(answer)
    except InvalidCredentialOutputError:
        body = {}
    code = answer.headers.get("x-amzn-errortype") or body.get("code") or body.get("__type")
    if not isinstance(code, str):
        if not body:
            return unreadable(answer)
        code = str(answer.status)
    code = code.partition(":")[0].rpartition("#")[2]
    message = body.get("message", body.get("Message", ""))
    response = {"Error": {"Message": message, "Code": code}, "ResponseMetadata": metadata(answer)}
    if code in MODELED["GetRoleCredentials"] and body.get("message") is not None:
        response["message"] = body["message"]  # the one member that these errors have
    return response
