"""What the classes for other clients have in common: whose keys, what is signed of a request."""

import os

from sagewire.client import user_agent
from sagewire.credentials import chain, profiles
from sagewire.credentials.context import Context
from sagewire.credentials.sources import Later
from sagewire.sigv4 import Credentials, Signer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sagewire.credentials.sources import Source

# Set anew for every request that is signed, whatever stands in it already.
SET = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
_SET = frozenset(name.lower() for name in SET)


class Signature:
    """Signs requests with credentials that are asked for each time, for one region and service.

    `credentials` is a `sagewire.sigv4.Credentials`, or a callable that returns one and is called
    again when it has expired. Without it they are looked for where `sagewire.client` does, at the
    first request; `profile_name` chooses the profile. Raises `TypeError` for other credentials, and
    `InvalidArgumentError` for a region or service that cannot stand in a signature.
    """

    __slots__ = ("_kept", "_region", "_service", "source")

    def __init__(
        self,
        credentials: "Credentials | Callable[[], Credentials] | None",
        region: str,
        service: str,
        profile_name: "str | None",
    ) -> None:
        Signer(Credentials("AKID", ""), region=region, service=service)  # checks the two
        self._region = region
        self._service = service
        self._kept: tuple[Credentials, Signer] | None = None
        self.source: Source = (
            Later(lambda: _found(profile_name, region))
            if credentials is None
            else chain.from_object(credentials)
        )

    def headers(
        self,
        credentials: Credentials,
        method: str,
        url: str,
        given: "Iterable[tuple[str, str]]",
        body: "bytes | str",
    ) -> "list[tuple[str, str]]":
        """Return the headers to set on a request.

        Signed are the host, the type of the content, and all of Amazon's own headers: those that no
        client and no proxy changes on the way. `body` is its bytes, or their hash in hex.
        """
        kept = self._kept
        if kept is None or kept[0] is not credentials:
            signer = Signer(credentials, region=self._region, service=self._service)
            kept = self._kept = (credentials, signer)
        signed = [
            (name, value)
            for name, value in given
            if name.lower() not in _SET and _is_signed(name.lower())
        ]
        return kept[1].sign(method, url, signed, body)

    def __repr__(self) -> str:
        return f"region={self._region!r}, service={self._service!r}"


def _is_signed(name: str) -> bool:
    return name in ("content-type", "host") or name.startswith("x-amz")


def _found(profile_name: "str | None", region: str) -> "Source":
    profile = profiles.load(profile_name, os.environ)
    return chain.found(Context(os.environ, profile, region, user_agent.plain))
