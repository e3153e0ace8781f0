"""Credentials of a boto3, botocore or aiobotocore session, which refreshes them in its own way.

That way is botocore's: ahead of their end it refreshes on the thread that asks. So that no call
waits while they are valid, that thread is one of ours then.
"""

from sagewire.credentials import clock
from sagewire.credentials.locks import ForkSafeLock
from sagewire.credentials.refreshing import MANDATORY_SECONDS
from sagewire.exceptions import NoCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Between two refreshes ahead of time: botocore keeps a failure of one to its log.
_PAUSE_SECONDS = 10


def load(session: "Any") -> "FromSession":
    """Return a source over a session's credentials, which it looks for now."""
    return FromSession(_settled(session.get_credentials()))


class FromSession:
    """A source over credentials objects of botocore or aiobotocore; `None` for none found."""

    __slots__ = ("_kept", "_lock", "_paused_until", "_theirs")

    def __init__(self, theirs: "Any") -> None:
        self._theirs = theirs
        self._lock = ForkSafeLock()
        self._paused_until = 0.0
        # The keys as the session gave them, and as ours.
        self._kept: tuple[Any, Credentials] | None = None

    @property
    def method(self) -> "str | None":
        """Where the session found them, in botocore's words."""
        return getattr(self._theirs, "method", None)

    @property
    def features(self) -> "tuple[str, ...]":
        """The letter for keys given in code, where they were; the others are the session's."""
        return ("e",) if self.method == "explicit" else ()

    def at_hand(self) -> "Credentials | None":
        """Return the session's credentials, `None` if having them may take a wait."""
        theirs = self._theirs
        refresh_needed = getattr(theirs, "refresh_needed", None)
        if refresh_needed is None:
            return self._unchanging()
        # What it holds, without the refresh that asking it for them would start.
        frozen = getattr(theirs, "_frozen_credentials", None)
        if frozen is None:
            return None
        if refresh_needed():
            if refresh_needed(MANDATORY_SECONDS):
                return None
            self._refresh_beside()
        return self._ours(frozen)

    def current(self) -> Credentials:
        """Return the session's credentials of this moment; raise what its refresh raises."""
        if self._theirs is None:
            raise NoCredentialsError
        at_hand = self.at_hand()
        if at_hand is not None:
            return at_hand
        with self._lock.own():
            return self.at_hand() or self._ours(_settled(self._theirs.get_frozen_credentials()))

    def _unchanging(self) -> "Credentials | None":
        """Return keys that do not end; an asyncio session's are asked for once."""
        theirs = self._theirs
        if theirs is None:
            return None
        frozen = theirs.get_frozen_credentials()
        if not hasattr(frozen, "__await__"):
            return self._ours(frozen)
        frozen.close()
        return None if self._kept is None else self._kept[1]

    def settled_until(self) -> float:
        """Return 0: the session's may be replaced at any moment."""
        return 0.0

    def _ours(self, frozen: "Any") -> Credentials:
        kept = self._kept
        if kept is not None and kept[0] == frozen:
            return kept[1]
        credentials = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        self._kept = (frozen, credentials)
        return credentials

    def _refresh_beside(self) -> None:
        lock = self._lock.own()
        if clock.now() < self._paused_until or not lock.acquire(blocking=False):
            return
        self._paused_until = clock.now() + _PAUSE_SECONDS
        import threading

        try:
            threading.Thread(
                target=self._refresh_and_release, args=(lock,), name="sagewire-refresh", daemon=True
            ).start()
        except RuntimeError:
            # No thread to be had, as at the end of the interpreter: what is valid will do.
            lock.release()

    def _refresh_and_release(self, lock: "Any") -> None:
        try:
            _settled(self._theirs.get_frozen_credentials())
        except Exception:  # noqa: BLE001, S110 - botocore logs it, and the next call sees what is left
            pass
        finally:
            lock.release()

    def __repr__(self) -> str:
        return f"FromSession(method={self.method!r})"

    def __reduce__(self) -> "Any":
        return type(self), (self._theirs,)


def _settled(value: "Any") -> "Any":
    """Return a value, or what it comes to where it is to be awaited.

    An asyncio session's questions have no loop of their own: each gets one, in this thread, or in
    another where this one's loop is running.
    """
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def awaited() -> "Any":
        return await value

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(awaited())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, "sagewire-session") as executor:
        return executor.submit(asyncio.run, awaited()).result()
