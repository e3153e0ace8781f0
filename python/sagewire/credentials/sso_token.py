"""The token of an IAM Identity Center login: kept in a file by `aws sso login`, renewed here.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
"""

import os

from sagewire.credential_exceptions import (
    MissingCredentialFieldError,
    SSOTokenLoadError,
    TokenRetrievalError,
)
from sagewire.credentials import clock, dates
from sagewire.credentials.locks import ForkSafeLock
from sagewire.exceptions import ClientError, InvalidConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.profiles import Profile

# Seconds before its end: a token is renewed, and its renewal is insisted on.
_RENEW_FROM = 15 * 60
_INSIST_FROM = 10 * 60
# Between two tries to renew one.
_PAUSE_SECONDS = 60
_TO_RENEW = ("refreshToken", "clientId", "clientSecret", "registrationExpiresAt")


def cached(name: str, start_url: str) -> "dict[str, Any]":
    """Return the token that is kept for an `sso-session`'s name, or for a start URL.

    Raises `SSOTokenLoadError` if there is none, or none that can be read.
    """
    import json

    try:
        with open(_path(name), encoding="utf-8") as file:  # noqa: PTH123
            token = json.load(file)
    except (OSError, ValueError):
        raise SSOTokenLoadError(error_msg=f"Token for {name} does not exist") from None
    if not isinstance(token, dict) or "accessToken" not in token or "expiresAt" not in token:
        raise SSOTokenLoadError(error_msg=f"Token for {start_url} is invalid")
    return token


def check(profile: "Profile") -> None:
    """Raise `InvalidConfigError` if a profile's `sso_session` is none, whoever gives the keys.

    boto3 looks for a token for every client, as some services take one in place of a signature.
    """
    name = profile.settings.get("sso_session")
    if name is None:
        return
    beginning = f'The profile "{profile.name}" is configured to use the SSO token provider but'
    section = profile.files.sso_sessions.get(name)
    if not section:
        raise InvalidConfigError(
            error_msg=f'{beginning} the "{name}" sso_session configuration does not exist.'
        )
    missing = [key for key in ("sso_start_url", "sso_region") if key not in section]
    if missing:
        raise InvalidConfigError(
            error_msg=f"{beginning} is missing the following configuration: {missing}."
        )


class Token:
    """The token of an `sso-session`; called, it returns one that is valid, renewing it if it can.

    Raises `SSOTokenLoadError`, and `TokenRetrievalError` for one that is over and not renewed.
    """

    def __init__(self, context: "Context", name: str, start_url: str, region: str) -> None:
        self._of = (context, name, start_url, region)
        self._lock = ForkSafeLock()
        self._token: tuple[str, float] | None = None
        self._try_from = 0.0

    def __call__(self) -> str:
        """Return the access token."""
        with self._lock.own():
            token, now = self._token, clock.now()
            if token is None or (now >= self._try_from and token[1] - now < _RENEW_FROM):
                token = self._renewed(token, now)
            if token[1] <= now:
                raise TokenRetrievalError(
                    provider="sso", error_msg="Token has expired and refresh failed"
                )
            return token[0]

    def _renewed(self, token: "tuple[str, float] | None", now: float) -> "tuple[str, float]":
        self._try_from = now + _PAUSE_SECONDS
        try:
            self._token = renewed = self._read_or_renew(now)
        except Exception:
            import logging

            insisted = token is None or token[1] - now < _INSIST_FROM
            logging.getLogger("sagewire.credentials").warning(
                "Refreshing token failed during the %s refresh period.",
                "mandatory" if insisted else "advisory",
                exc_info=True,
            )
            if token is None or insisted:
                raise
            return token
        return renewed

    def _read_or_renew(self, now: float) -> "tuple[str, float]":
        _, name, start_url, _ = self._of
        kept = cached(name, start_url)
        ends_at = dates.parse_answer(kept["expiresAt"], "sso").timestamp()
        if ends_at - now < _RENEW_FROM and _may_renew(kept, now):
            try:
                new = self._create(kept, now)
            except ClientError:
                import logging

                logging.getLogger("sagewire.credentials").warning(
                    "SSO token refresh attempt failed", exc_info=True
                )
            else:
                _keep(name, new)
                kept, ends_at = new, dates.parse(new["expiresAt"]).timestamp()
        return kept["accessToken"], ends_at

    def _create(self, kept: "dict[str, Any]", now: float) -> "dict[str, Any]":
        """Ask SSO-OIDC for a new token and return what is to be kept in the file."""
        import json

        from sagewire.credentials.service import Caller, Service, region_of
        from sagewire.credentials.sso import document, read_error

        context, _, start_url, region = self._of
        url, _ = Service("sso_oidc", "oidc", "oidc-fips").url(context, region_of(region))
        asked = {
            "grantType": "refresh_token",
            "clientId": kept["clientId"],
            "clientSecret": kept["clientSecret"],
            "refreshToken": kept["refreshToken"],
        }
        answer = Caller(context, url, read_error).call(
            "CreateToken",
            "POST",
            "/token",
            [("Content-Type", "application/json")],
            json.dumps(asked).encode("utf-8"),
        )
        given = document(answer)
        missing = [key for key in ("accessToken", "expiresIn") if key not in given]
        if missing:
            raise MissingCredentialFieldError(
                provider="sso", error_msg=f"the answer has no {', '.join(missing)}"
            )
        new = {
            "startUrl": start_url,
            "region": region,
            "accessToken": given["accessToken"],
            "expiresAt": _text(now + given["expiresIn"]),
            "clientId": kept["clientId"],
            "clientSecret": kept["clientSecret"],
            "registrationExpiresAt": kept["registrationExpiresAt"],
        }
        if "refreshToken" in given:
            new["refreshToken"] = given["refreshToken"]
        return new

    def __reduce__(self) -> "Any":
        return type(self), self._of


def _may_renew(kept: "dict[str, Any]", now: float) -> bool:
    if any(key not in kept for key in _TO_RENEW):
        return False
    return dates.parse_answer(kept["registrationExpiresAt"], "sso").timestamp() > now


def _path(name: str) -> str:
    import hashlib

    digest = hashlib.sha1(name.encode("utf-8"), usedforsecurity=False).hexdigest()
    folder = os.path.expanduser("~/.aws/sso/cache")  # noqa: PTH111 - pathlib is slow to import
    return f"{folder}/{digest}.json"


def _keep(name: str, token: "dict[str, Any]") -> None:
    """Write a token's file, whole or not at all, readable by its owner alone."""
    import json
    import tempfile

    path = _path(name)
    folder = os.path.dirname(path)  # noqa: PTH120
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(token, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)  # noqa: PTH105


def _text(moment: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(int(moment), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
