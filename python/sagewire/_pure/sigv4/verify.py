"""Is a signature that of this request, key and time? Twin: rust/core/src/sigv4/verify.rs."""

import hmac

from sagewire._pure.sigv4 import timestamp
from sagewire._pure.sigv4.canonical import (
    canonical_path,
    canonical_query,
    canonical_request,
    query_pairs,
    signed_headers,
)
from sagewire._pure.sigv4.claim import Claim, find
from sagewire._pure.sigv4.error import (
    MISMATCH,
    expired_token,
    incomplete,
    invalid,
    unrecognized,
)
from sagewire._pure.sigv4.key import derive, sha256_hex
from sagewire._pure.sigv4.sign import string_to_sign
from sagewire._pure.sigv4.url import split_target
from sagewire.exceptions import SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Headers: TypeAlias = list[tuple[bytes, bytes]]
    Found: TypeAlias = tuple[str, str | None, int | None]
    Lookup: TypeAlias = Callable[[str], Found | None]

# Signing keys kept; a stranger cannot fill the cache, since only known keys get into it.
_MAX_CACHED_KEYS = 1024


class Received:
    """A request as a server sees it."""

    __slots__ = ("headers", "method", "path", "payload_hash", "query")

    def __init__(
        self, method: bytes, target: bytes, headers: "Headers", body: "bytes | str"
    ) -> None:
        self.method = method
        self.path, self.query = split_target(target)
        self.headers = headers
        self.payload_hash = sha256_hex(body).encode() if isinstance(body, bytes) else body.encode()

    def checked_hash(self) -> bytes:
        """Return the payload hash of the canonical request, checked against the body."""
        stated = [value for name, value in self.headers if name.lower() == b"x-amz-content-sha256"]
        if not stated:
            return self.payload_hash
        if len(stated) > 1:
            raise incomplete("The x-amz-content-sha256 header is repeated.")
        # The signer says, signed, that it did not sign the payload.
        if stated[0] == b"UNSIGNED-PAYLOAD" or hmac.compare_digest(stated[0], self.payload_hash):
            return stated[0]
        raise invalid(
            "The provided 'x-amz-content-sha256' header does not match what was computed."
        )


class Verifier:
    """Checks signatures for one region and service."""

    __slots__ = ("_double_encode", "_keys", "_max_skew", "_normalize_path", "_region", "_service")

    def __init__(
        self,
        region: str,
        service: str,
        max_skew: int,
        normalize_path: bool,
        double_encode: bool,
    ) -> None:
        self._region = region
        self._service = service
        self._max_skew = max_skew
        self._normalize_path = normalize_path
        self._double_encode = double_encode
        self._keys: dict[str, tuple[str, str, bytes]] = {}

    def verify(
        self,
        lookup: "Lookup",
        method: bytes,
        target: bytes,
        headers: "Headers",
        body: "bytes | str",
        at: int,
    ) -> "tuple[str, list[str], int, str]":
        """Return who signed: access key id, signed headers, time, credential scope."""
        received = Received(method, target, headers, body)
        claim = find(received.query, headers)
        self._check_scope(claim)
        check_signed_headers(claim, headers)
        found = lookup(claim.access_key_id)
        if found is None:
            raise unrecognized()
        self._check_claim(received, claim, found, at)
        scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
        return claim.access_key_id, claim.signed_names, claim.signed_at, scope

    def explain(
        self,
        lookup: "Lookup",
        method: bytes,
        target: bytes,
        headers: "Headers",
        body: "bytes | str",
        at: int,
    ) -> "tuple[str, str, str | None]":
        """Return the canonical request, the string to sign and the first thing that differs."""
        received = Received(method, target, headers, body)
        try:
            claim = find(received.query, headers)
            payload_hash = received.checked_hash()
        except SignatureError as error:
            return "", "", error.message
        canonical = self._canonical_request(received, claim, payload_hash)
        scope = f"{claim.stamp[:8]}/{claim.region}/{claim.service}/aws4_request"
        text = string_to_sign(claim.stamp, scope, canonical)
        found = lookup(claim.access_key_id)
        difference = None
        try:
            self._check_scope(claim)
            check_signed_headers(claim, headers)
            if found is None:
                raise unrecognized()
            self._check_claim(received, claim, found, at)
        except SignatureError as error:
            difference = error.message
            if difference == MISMATCH and found is not None:
                difference = self._most_likely(received, claim, found[0], payload_hash)
        return _without_token(canonical), text, difference

    def _check_claim(self, received: Received, claim: Claim, found: "Found", now: int) -> None:
        secret, token, expires_at = found
        given = (claim.token or "").encode()
        if not hmac.compare_digest((token or "").encode(), given):
            raise unrecognized()
        if expires_at is not None and expires_at <= now:
            raise expired_token()
        self._check_time(claim, now)
        canonical = self._canonical_request(received, claim, received.checked_hash())
        if not self._is_signature_of(canonical, claim, secret):
            raise invalid(MISMATCH)

    def _check_scope(self, claim: Claim) -> None:
        date = claim.stamp[:8]
        if claim.date != date:
            raise invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{claim.date}' != '{date}', from '{claim.stamp}'."
            )
        if claim.region != self._region:
            raise invalid(f"Credential should be scoped to a valid region, not '{claim.region}'.")
        if claim.service != self._service:
            raise invalid(f"Credential should be scoped to correct service: '{self._service}'.")

    def _check_time(self, claim: Claim, now: int) -> None:
        skew = self._max_skew
        if claim.signed_at > now + skew:
            raise invalid(
                f"Signature not yet current: {claim.stamp} is still later than "
                f"{_stamp(now + skew)} ({_stamp(now)} + {skew} s.)"
            )
        # A header signature lives as long as clocks may differ; a presigned one says how long.
        life = claim.expires_in
        if life is None and claim.signed_at < now - skew:
            raise invalid(
                f"Signature expired: {claim.stamp} is now earlier than "
                f"{_stamp(now - skew)} ({_stamp(now)} - {skew} s.)"
            )
        if life is not None and claim.signed_at + life < now:
            raise invalid(
                f"Signature expired: {_stamp(claim.signed_at + life)} is now earlier than "
                f"{_stamp(now)} ({claim.stamp} + {life} s.)"
            )

    def _canonical_request(self, received: Received, claim: Claim, payload_hash: bytes) -> bytes:
        names = {name.encode() for name in claim.signed_names}
        headers = [header for header in received.headers if header[0].lower() in names]
        pairs = query_pairs(received.query)
        if claim.expires_in is not None:
            pairs = [pair for pair in pairs if not pair.startswith(b"X-Amz-Signature=")]
        path = canonical_path(
            received.path, normalize=self._normalize_path, double_encode=self._double_encode
        )
        return canonical_request(
            received.method, path, canonical_query(pairs), signed_headers(headers), payload_hash
        )

    def _is_signature_of(self, canonical: bytes, claim: Claim, secret: str) -> bool:
        scope = f"{claim.stamp[:8]}/{claim.region}/{claim.service}/aws4_request"
        text = string_to_sign(claim.stamp, scope, canonical).encode()
        signature = hmac.digest(self._key_of(claim, secret), text, "sha256").hex()
        return hmac.compare_digest(signature, claim.signature)

    def _key_of(self, claim: Claim, secret: str) -> bytes:
        date = claim.stamp[:8]
        kept = self._keys.get(claim.access_key_id)
        if kept is not None and kept[0] == date and _is_same(kept[1], secret):
            return kept[2]
        key = derive(secret, date, self._region, self._service)
        if len(self._keys) >= _MAX_CACHED_KEYS:
            self._keys.clear()
        self._keys[claim.access_key_id] = (date, secret, key)
        return key

    def _most_likely(
        self, received: Received, claim: Claim, secret: str, payload_hash: bytes
    ) -> str:
        """Return the usual mistake that would explain the signature, or that it does not match."""
        for other, what in (
            (sha256_hex(b"").encode(), "The payload: the signature is that of an empty body."),
            (b"UNSIGNED-PAYLOAD", "The payload: the signature leaves it unsigned."),
        ):
            canonical = self._canonical_request(received, claim, other)
            if self._is_signature_of(canonical, claim, secret):
                return what
        for normalize, double in ((True, True), (True, False), (False, True), (False, False)):
            verifier = Verifier(self._region, self._service, self._max_skew, normalize, double)
            canonical = verifier._canonical_request(received, claim, payload_hash)
            if verifier._is_signature_of(canonical, claim, secret):
                return (
                    "The path: the signature is that of "
                    f"normalize_path={normalize}, double_encode={double}."
                )
        shouted = Received(received.method.upper(), b"", received.headers, payload_hash.decode())
        shouted.path, shouted.query = received.path, received.query
        canonical = self._canonical_request(shouted, claim, payload_hash)
        if self._is_signature_of(canonical, claim, secret):
            return "The method: the signature is that of the method in upper case."
        return MISMATCH


def check_signed_headers(claim: Claim, headers: "Headers") -> None:
    """Raise unless `host` and every `x-amz-` header that is there is signed."""
    if "host" not in claim.signed_names:
        raise invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    seen = dict.fromkeys(claim.signed_names, 0)
    for raw, _ in headers:
        name = raw.lower().decode("utf-8", "replace")
        if name in seen:
            seen[name] += 1
        elif name.startswith("x-amz-"):
            raise invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    for name, times in seen.items():
        if times == 0:
            raise invalid(f"The signed header '{name}' is not in the request.")
        if times > 1 and name == "host":
            raise incomplete("The host header is repeated.")


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _stamp(seconds: int) -> str:
    if timestamp.FIRST <= seconds <= timestamp.LAST:
        return timestamp.from_epoch(seconds)
    return str(seconds)


def _without_token(canonical: bytes) -> str:
    """Return a canonical request's text with the session token's value hidden.

    Every line is looked at: a method with a line end in it would shift the query's.
    """
    return "\n".join(map(_hidden_line, canonical.decode("utf-8", "replace").split("\n")))


def _hidden_line(line: str) -> str:
    if line.startswith("x-amz-security-token:"):
        return "x-amz-security-token:<hidden>"
    name = "X-Amz-Security-Token="
    pairs = line.split("&")
    return "&".join(f"{name}<hidden>" if pair.startswith(name) else pair for pair in pairs)
