"""The instance metadata service of EC2: credentials of an instance's role, and its region.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from functools import partial

from sagewire.credential_exceptions import (
    InvalidIMDSEndpointError,
    InvalidIMDSEndpointModeError,
    MetadataRetrievalError,
)
from sagewire.credentials import clock, dates
from sagewire.credentials.line import Line
from sagewire.credentials.refreshing import ADVISORY_SECONDS, Refreshing
from sagewire.endpoints import check_url
from sagewire.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.line import Answer
    from sagewire.credentials.sources import Source

METHOD = "iam-role"
_ENDPOINTS = {"ipv4": "http://169.254.169.254/", "ipv6": "http://[fd00:ec2::254]/"}
_ROLE_PATH = "latest/meta-data/iam/security-credentials/"
_ZONE_PATH = "latest/meta-data/placement/availability-zone/"
_TOKEN_LIFE = "21600"
_WORTH_ANOTHER_TRY = (
    ReadTimeoutError,
    EndpointConnectionError,
    ConnectionClosedError,
    ConnectTimeoutError,
)


class _NotThere(Exception):
    """The service is switched off, does not answer, or not with what was asked for."""


class Settings:
    """Where the service is, how long to wait for it in seconds, and how often to try.

    Raises `InvalidIMDSEndpointError`, `InvalidIMDSEndpointModeError` or `ValueError`.
    """

    __slots__ = ("attempts", "base_url", "timeout", "version_1")

    def __init__(self, context: "Context") -> None:
        self.timeout = context.number("AWS_METADATA_SERVICE_TIMEOUT", 1)
        self.attempts = context.number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1)
        self.version_1 = not context.is_true("AWS_EC2_METADATA_V1_DISABLED")
        mode = context.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        if mode is None:
            mode = "ipv6" if context.is_true("AWS_IMDS_USE_IPV6") else "ipv4"
        elif mode.lower() not in _ENDPOINTS:
            raise InvalidIMDSEndpointModeError(mode=mode, valid_modes=tuple(_ENDPOINTS))
        url = context.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _ENDPOINTS[mode.lower()]
        try:
            check_url(url if "://" in url else "")
        except ValueError:
            raise InvalidIMDSEndpointError(endpoint=url) from None
        self.base_url = url if url.endswith("/") else f"{url}/"


def load(context: "Context") -> "Source | None":
    """Return the instance's role, `None` if the service is not there or has none."""
    credentials = _role(context)
    if credentials is None:
        return None
    return Refreshing(partial(_role, context), METHOD, ("0",), credentials)


def region(context: "Context") -> "str | None":
    """Return the region of this instance, `None` if the service is not there."""
    try:
        with _Talk(context) as talk:
            zone = talk.get(_ZONE_PATH, bool)
    except _NotThere:
        return None
    return zone[:-1]


def _role(context: "Context") -> "Credentials | None":
    try:
        with _Talk(context) as talk:
            name = talk.get(_ROLE_PATH, bool)
            given = _parsed(talk.get(_ROLE_PATH + name, lambda text: _parsed(text) is not None))
    except _NotThere:
        return None
    keys = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
    if not isinstance(given, dict) or any(key not in given for key in keys):
        import logging

        # Such as "AssumeRoleUnauthorizedAccess": it says so itself, and holds no secret then.
        said = {key: given[key] for key in ("Code", "Message") if key in given} if given else {}
        logging.getLogger("sagewire.credentials").debug(
            "The instance metadata service answered without credentials: %s", said
        )
        return None
    access_key_id, secret_access_key, token, expiration = (given[key] for key in keys)
    ends_at = dates.parse_answer(expiration, METHOD)
    return Credentials(access_key_id, secret_access_key, token, _extended(ends_at))


def _extended(end: "Any") -> "Any":
    """Return when to count credentials as expired: later than said, if that is near or past.

    The service hands out old ones when it cannot get new ones, and AWS goes on accepting them:
    better used than refused. The spread keeps a fleet from asking all at once.
    """
    from datetime import datetime, timedelta, timezone

    spread = ADVISORY_SECONDS + 120 + int(clock.chance() * 481)
    now = clock.now()
    if now < end.timestamp() - spread:
        return end
    import logging

    logging.getLogger("sagewire.credentials").info(
        "Attempting credential expiration extension due to a credential service availability "
        "issue. A refresh of these credentials will be attempted again within the next %.0f "
        "minutes.",
        spread / 60,
    )
    return datetime.fromtimestamp(int(now), timezone.utc) + timedelta(seconds=spread)


def _parsed(text: str) -> "Any":
    import json

    try:
        return json.loads(text)
    except ValueError:
        return None


class _Talk:
    """A few requests with one token (version 2), or without (version 1)."""

    def __init__(self, context: "Context") -> None:
        if context.environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() == "true":
            raise _NotThere
        self._settings = settings = Settings(context)
        self._user_agent = ("User-Agent", context.user_agent())
        self._line = Line(
            settings.base_url,
            connect_timeout=settings.timeout,
            read_timeout=settings.timeout,
            proxied=True,
        )

    def __enter__(self) -> "_Talk":  # noqa: PYI034 - typing is not imported
        try:
            self._token = self._fetch_token()
        except BaseException:
            self._line.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._line.close()

    def get(self, path: str, accepts: "Any") -> str:
        """Return the text at a path, trying again until `accepts` takes it."""
        headers = []
        if self._token:
            headers.append(("x-aws-ec2-metadata-token", self._token))
        elif not self._settings.version_1:
            raise MetadataRetrievalError(
                error_msg="Unable to retrieve token for use in IMDSv2 call and IMDSv1 has been "
                "disabled"
            )
        for _ in range(self._settings.attempts):
            try:
                answer = self._ask("GET", path, headers)
            except _WORTH_ANOTHER_TRY:
                continue
            text = answer.body.decode("utf-8", "replace")
            if answer.status == 200 and accepts(text):
                return text
        raise _NotThere

    def _fetch_token(self) -> "str | None":
        """Return a token, `None` where the service gives none: there is only version 1 then."""
        headers = [("x-aws-ec2-metadata-token-ttl-seconds", _TOKEN_LIFE)]
        for _ in range(self._settings.attempts):
            try:
                answer = self._ask("PUT", "latest/api/token", headers)
            except ReadTimeoutError:
                return None
            except _WORTH_ANOTHER_TRY:
                continue
            if answer.status == 200:
                return answer.body.decode("utf-8", "replace")
            if answer.status in (403, 404, 405):
                return None
            if answer.status == 400:
                raise _NotThere
        return None

    def _ask(self, method: str, path: str, headers: "list[tuple[str, str]]") -> "Answer":
        origin = self._line.origin
        body = b"" if method == "PUT" else None
        target = f"{origin.path}/{path}{origin.query}"
        return self._line.ask(method, target, [*headers, self._user_agent], body)
