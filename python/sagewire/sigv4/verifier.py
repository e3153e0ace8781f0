"""Verifying: who signed a request, or why its signature is refused."""

from sagewire._impl import sigv4 as _twin
from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4.arguments import (
    now_or,
    octet_pairs,
    octets,
    payload_of,
    require_flag,
    require_scope_part,
    seconds_of,
)
from sagewire.sigv4.values import Credentials, Explanation, Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from sagewire.sigv4.arguments import AnyHeaders, Body


class Verifier:
    """Checks the signatures of requests, in a header or in the query.

    `lookup` maps an access key id to `Credentials`, or to `None` for an unknown one: a mapping or a
    callable. `max_skew` is how many seconds the signer's clock may be off, either way.

    >>> from sagewire.sigv4 import Credentials, SignatureError, Signer
    >>> credentials = Credentials("AKID", "SECRET")
    >>> signer = Signer(credentials, region="us-east-1", service="sagemaker")
    >>> host = [("Host", "localhost")]
    >>> signed = host + signer.sign("POST", "http://localhost/endpoints/a/invocations", host, b"1")
    >>> verifier = Verifier({"AKID": credentials}, region="us-east-1", service="sagemaker")
    >>> verifier.verify("POST", "/endpoints/a/invocations", signed, b"1").access_key_id
    'AKID'
    >>> try:
    ...     verifier.verify("POST", "/endpoints/b/invocations", signed, b"1")
    ... except SignatureError as error:
    ...     print(error.status, error.code)
    403 InvalidSignatureException
    """

    __slots__ = ("_given", "_lookup", "_twin")

    def __init__(
        self,
        lookup: "Mapping[str, Credentials] | Callable[[str], Credentials | None]",
        *,
        region: str,
        service: str,
        max_skew: int = 300,
        normalize_path: bool = True,
        double_encode: bool = True,
    ) -> None:
        find = getattr(lookup, "get", lookup)
        if not callable(find):
            raise TypeError(f"lookup must be a mapping or callable, not {type(lookup).__name__}")
        require_scope_part("region", region)
        require_scope_part("service", service)
        if isinstance(max_skew, bool) or not isinstance(max_skew, int):
            raise TypeError(f"max_skew must be int (seconds), not {type(max_skew).__name__}")
        if not 0 <= max_skew <= 10**9:
            problem = f"{max_skew} seconds is out of range"
            raise InvalidArgumentError(
                argument="max_skew", problem=problem, allowed="0 to 1000000000"
            )
        self._lookup = find
        self._given = (lookup, region, service, max_skew, normalize_path, double_encode)
        self._twin = _twin.Verifier(
            region,
            service,
            max_skew,
            require_flag("normalize_path", normalize_path),
            require_flag("double_encode", double_encode),
        )

    def __reduce__(self) -> "Any":
        return _remade, self._given

    def verify(
        self,
        method: "str | bytes",
        target: "str | bytes",
        headers: "AnyHeaders",
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> Identity:
        """Return who signed the request, or raise `SignatureError` with AWS's `code` and `status`.

        `target` is the request target, with its query. `headers` are as they arrived; text is read
        as Latin-1, as Python's servers give it (UTF-8 where Latin-1 cannot hold it). `body` is
        bytes-like, or a `str` with its hexadecimal SHA-256. `at` is an aware `datetime`, now if
        absent. An exception of `lookup` comes through.
        """
        access_key_id, names, signed_at, scope = self._twin.verify(
            self._found,
            octets("method", method),
            octets("target", target),
            octet_pairs(headers),
            payload_of(body),
            now_or(at),
        )
        from datetime import datetime, timedelta, timezone

        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=signed_at)
        return Identity(access_key_id, tuple(names), moment, scope)

    def explain(
        self,
        method: "str | bytes",
        target: "str | bytes",
        headers: "AnyHeaders",
        body: "Body" = b"",
        *,
        at: "datetime | None" = None,
    ) -> Explanation:
        """Return what `verify` sees in a request, and the first thing that differs."""
        seen = self._twin.explain(
            self._found,
            octets("method", method),
            octets("target", target),
            octet_pairs(headers),
            payload_of(body),
            now_or(at),
        )
        return Explanation(*seen)

    def _found(self, access_key_id: str) -> "tuple[str, str | None, int | None] | None":
        credentials = self._lookup(access_key_id)
        if credentials is None:
            return None
        if not isinstance(credentials, Credentials):
            raise TypeError(
                "lookup must give sagewire.sigv4.Credentials or None, "
                f"not {type(credentials).__name__}"
            )
        expiry = credentials.expires_at
        second = None if expiry is None else seconds_of(expiry, "expires_at")
        return credentials.secret_access_key, credentials.token, second


def _remade(
    lookup: "Any", region: str, service: str, max_skew: int, normalize: bool, double: bool
) -> Verifier:
    """Unpickle a verifier."""
    return Verifier(
        lookup,
        region=region,
        service=service,
        max_skew=max_skew,
        normalize_path=normalize,
        double_encode=double,
    )
