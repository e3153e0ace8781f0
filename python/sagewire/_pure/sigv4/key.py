"""Hashes, and the signing key with its cache. Twin: rust/core/src/sigv4/key.rs."""

import hashlib
import hmac

TERMINATOR = "aws4_request"


def derive(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the signing key: date, region, service, `aws4_request`, one after the other."""
    key = b"AWS4" + secret.encode()
    for step in (date, region, service, TERMINATOR):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


class KeyOfTheDay:
    """Remembers the key of the day that was last asked for.

    Region, service and secret are the owner's and never change in its life. The pair of date and
    key is replaced as one, so that threads on two sides of midnight each get their own.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = ("", b"")

    def get(self, secret: str, date: str, region: str, service: str) -> bytes:
        """Return the key of `date`, derived unless it is the one remembered."""
        day, key = self._kept
        if day != date:
            key = derive(secret, date, region, service)
            self._kept = (date, key)
        return key


def sha256_hex(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of `data`, in lower case."""
    return hashlib.sha256(data).hexdigest()


def is_signature(text: str) -> bool:
    """Whether `text` is 64 lower-case hexadecimal digits."""
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)
