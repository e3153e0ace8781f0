"""Calls of STS and SSO, made as boto3's inner clients make them: endpoint, retries, signature.

Their settings are those that the environment and the profile state for every client; what was given
to `sagewire.client()` is for SageMaker alone.
"""

import os

from sagewire import config as checks
from sagewire.credentials import clock
from sagewire.credentials.errors import MODELED, error_of
from sagewire.credentials.line import Line
from sagewire.endpoints import check_url, checked_region, partition_of
from sagewire.exceptions import (
    ConnectionError,  # noqa: A004 - boto3's name
    EndpointResolutionError,
    HTTPClientError,
    InvalidConfigError,
)
from sagewire.retries import policy
from sagewire.retries.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.line import Answer, Headers
    from sagewire.sigv4 import Credentials

    # From status and answer to `Code`, `Message` and what else stands in boto3's `response`.
    ReadError = Callable[[Answer], dict[str, Any]]

_EMPTY_BUNDLE = (
    "Invalid CA bundle: the configured value (ca_bundle, AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or "
    "verify) resolved to an empty or whitespace-only string. Provide a valid path to a CA bundle "
    "file."
)


class Service:
    """One of the services. `host` is the first part of its host names, `fips_host` with FIPS on.

    `key` names it in variables (`AWS_ENDPOINT_URL_...`) and in a `services` section.
    """

    __slots__ = ("fips_host", "host", "key")

    def __init__(self, key: str, host: str, fips_host: str) -> None:
        self.key = key
        self.host = host
        self.fips_host = fips_host

    def url(self, context: "Context", region: str) -> "tuple[str, bool]":
        """Return the endpoint's URL, and whether it was configured as one.

        Raises `EndpointResolutionError` where the partition has no such endpoint.
        """
        configured = None
        if not context.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
            environ, profile = context.environ, context.profile
            configured = (
                environ.get(f"AWS_ENDPOINT_URL_{self.key.upper()}")
                or environ.get("AWS_ENDPOINT_URL")
                or profile.service_setting(self.key, "endpoint_url")
                or profile.settings.get("endpoint_url")
            )
        if configured:
            check_url(str(configured))
            return str(configured), True
        partition = partition_of(region)
        host, suffix = self.host, partition.suffix
        fips = context.is_true("AWS_USE_FIPS_ENDPOINT")
        if context.is_true("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"):
            if partition.dual_suffix is None:
                raise EndpointResolutionError(
                    msg="DualStack is enabled but this partition does not support DualStack"
                )
            host, suffix = self.fips_host if fips else host, partition.dual_suffix
        elif fips and partition.name != "aws-us-gov":  # whose plain hosts are its FIPS hosts
            host = self.fips_host
        return f"https://{host}.{region}.{suffix}", False


class Caller:
    """Calls of one service at one endpoint. `connect_timeout` is in seconds."""

    __slots__ = ("_context", "_mode", "_read_error", "_url", "attempts", "connect_timeout")

    def __init__(
        self,
        context: "Context",
        url: str,
        read_error: "ReadError",
        connect_timeout: "float | None" = 60,
    ) -> None:
        self._context = context
        self._url = url
        self._read_error = read_error
        self.connect_timeout = connect_timeout
        self._mode = context.setting("AWS_RETRY_MODE") or "standard"
        checks.check_retry_mode(self._mode)
        attempts = context.setting("AWS_MAX_ATTEMPTS")
        self.attempts = 5 if self._mode == "legacy" else 3
        if attempts is not None:
            self.attempts = int(attempts)
            checks.check_attempts(self.attempts, least=1)

    def call(
        self,
        operation: str,
        method: str,
        target: str,
        headers: "Headers",
        body: "bytes | None" = None,
        signed_by: "tuple[Credentials, str, str] | None" = None,
    ) -> "Answer":
        """Return the answer of the attempt that succeeded.

        `signed_by` are the credentials, the region and the service's name in the signature. Raises
        `ClientError` for the service's error, and the transport's exceptions.
        """
        rules = policy(self._mode, self.attempts, clock.now())
        identity = ("amz-sdk-invocation-id", _new_id())
        attempt = 1
        with self._line() as line:
            path = line.origin.path + target
            if target == "/" and not self._url.partition("#")[0].partition("?")[0].endswith("/"):
                path = line.origin.path or "/"  # as boto3 has it: a path that is there is whole
            url = line.origin.url + path + line.origin.query
            target = url.removeprefix(line.origin.url)
            while True:
                head = [*headers, ("User-Agent", self._context.user_agent())]
                if signed_by is not None:
                    head += _signature(signed_by, method, url, headers, body or b"")
                progress = f"attempt={attempt}"
                if attempt > 1 or self._mode != "legacy":
                    progress += f"; max={self.attempts}"
                head += [identity, ("amz-sdk-request", progress)]
                answer = None
                try:
                    answer = line.ask(method, target, head, body)
                except (ConnectionError, HTTPClientError) as error:
                    failure = Failure(error=error)
                else:
                    if answer.status < 300:
                        return answer
                    response = self._read_error(answer)
                    failure = _failure(operation, answer, response)
                notes: dict[str, Any] = {}
                again = rules.wait(failure, attempt, self.attempts, clock.chance(), notes)
                if again is None:
                    if answer is None:
                        assert failure.error is not None  # noqa: S101 - no answer means an error
                        raise failure.error
                    response["ResponseMetadata"].update(notes, RetryAttempts=attempt - 1)
                    raise error_of(operation, response)
                clock.sleep(again[0])
                attempt += 1

    def _line(self) -> Line:
        context = self._context
        bundle = context.setting("AWS_CA_BUNDLE", "ca_bundle")
        if bundle is None:
            bundle = context.environ.get("REQUESTS_CA_BUNDLE")
        if bundle is not None and not bundle.strip():
            raise InvalidConfigError(error_msg=_EMPTY_BUNDLE)
        return Line(
            self._url,
            connect_timeout=self.connect_timeout,
            read_timeout=60,
            ca_bundle=bundle,
            proxied=True,
        )


def region_of(region: "str | None") -> str:
    """Return the region that an inner client is for; raise as for the client itself."""
    return checked_region(region)[0]


def metadata(answer: "Answer", request_id: "str | None" = None) -> "dict[str, Any]":
    """Return `ResponseMetadata` of an error, without what the retries add."""
    if request_id is None:
        request_id = answer.headers.get("x-amzn-requestid")
    known = {} if request_id is None else {"RequestId": request_id}
    return {**known, "HTTPStatusCode": answer.status, "HTTPHeaders": dict(answer.headers)}


def unreadable(answer: "Answer") -> "dict[str, Any]":
    """Return the `response` of an error whose body says nothing: its status stands for the code."""
    from http.client import responses

    return {
        "Error": {"Code": str(answer.status), "Message": responses.get(answer.status, "")},
        "ResponseMetadata": metadata(answer),
    }


def _failure(operation: str, answer: "Answer", response: "dict[str, Any]") -> Failure:
    code = response["Error"]["Code"]
    modeled = code in MODELED.get(operation, ())
    if code == "IDPCommunicationError":
        # Of all modeled errors the one that another attempt may cure, in every retry mode.
        return Failure(status=503, code=code, modeled=modeled, headers=answer.headers)
    return Failure(status=answer.status, code=code, modeled=modeled, headers=answer.headers)


def _signature(
    signed_by: "tuple[Credentials, str, str]",
    method: str,
    url: str,
    headers: "Headers",
    body: bytes,
) -> "Headers":
    from sagewire._impl import sigv4

    credentials, region, name = signed_by
    signer = sigv4.Signer(
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.token or None,
        region,
        name,
        True,  # normalize_path
        True,  # double_encode
        False,  # content_sha256_header
    )
    return signer.sign(method, url, headers, body, int(clock.now()))


def _new_id() -> str:
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
