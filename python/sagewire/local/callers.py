"""Who may call a local endpoint, and what."""

import threading

from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from sagewire._pure.server import FrontDoor

    Lookup: TypeAlias = "Callable[[str], Caller | Credentials | None]"
    Found: TypeAlias = tuple[str, str | None, int | None, list[str]]


class Caller:
    """Credentials that are accepted, and the endpoints that they may call.

    `endpoints` are patterns of endpoints' names, in which `*` stands for any text and `?` for any
    character; the default is every endpoint. A call of another one is refused as the service
    refuses it (`AccessDeniedException`, 403), whether that endpoint exists or not.

    Raises `TypeError` for other credentials and for patterns that are no text.

    >>> Caller(Credentials("AKID", "SECRET"), endpoints=["team-a-*"])
    <Caller AKID endpoints=['team-a-*']>
    """

    __slots__ = ("credentials", "endpoints")

    def __init__(self, credentials: Credentials, *, endpoints: "Iterable[str]" = ("*",)) -> None:
        if not isinstance(credentials, Credentials):
            raise TypeError(
                f"credentials must be sagewire.sigv4.Credentials, not {type(credentials).__name__}"
            )
        if isinstance(endpoints, str):
            raise TypeError("endpoints must be an iterable of patterns, not one str")
        self.credentials = credentials
        self.endpoints = tuple(endpoints)
        for pattern in self.endpoints:
            if not isinstance(pattern, str):
                raise TypeError(f"endpoints: a pattern must be str, not {type(pattern).__name__}")

    def __repr__(self) -> str:
        return f"<Caller {self.credentials.access_key_id} endpoints={list(self.endpoints)}>"


def wired(caller: Caller) -> "Found":
    """Return a caller as the server takes it."""
    key = caller.credentials
    expires_at = None if key.expires_at is None else int(key.expires_at.timestamp())
    return key.secret_access_key, key.token, expires_at, list(caller.endpoints)


def start_lookups(server: "FrontDoor", lookup: "Lookup") -> None:
    """Answer the server's questions for access keys on a thread of their own, until it stops."""

    def run() -> None:
        while (question := server.take_lookup()) is not None:
            found = None
            try:
                found = _found(lookup, question.access_key_id)
            except Exception as error:  # noqa: BLE001 - a lookup that fails must not end its thread
                _log(error)
            question.answer(found)

    threading.Thread(target=run, name="sagewire-lookup", daemon=True).start()


def _found(lookup: "Lookup", access_key_id: str) -> "Found | None":
    caller = lookup(access_key_id)
    if caller is None:
        return None
    return wired(Caller(caller) if isinstance(caller, Credentials) else caller)


def _log(error: Exception) -> None:
    import logging

    # Without the key: a stranger chooses it.
    logging.getLogger("sagewire.local").error("a lookup failed", exc_info=error)
