"""Credentials that end: refreshed ahead of time, by one thread, beside the calls.

Two windows before the end, boto3's: from 15 minutes on a thread of its own refreshes while calls go
on with the old ones; from 10 minutes on calls wait for one refresh. A refresh that fails is logged,
and the old ones are used for as long as they are valid; then the failure is raised.
"""

from sagewire.credentials import clock
from sagewire.credentials.locks import ForkSafeLock
from sagewire.exceptions import CredentialRetrievalError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Fetch = Callable[[], "Credentials | None"]

ADVISORY_SECONDS = 15 * 60
MANDATORY_SECONDS = 10 * 60
# After a failure that the old credentials outlive: long enough not to add to what is wrong there,
# short enough for a dozen tries in the advisory window.
_PAUSE_SECONDS = 10
_NEVER = float("inf")


class Refreshing:
    """A source that asks `fetch` for its first credentials, and for new ones ahead of their end.

    `fetch` returns credentials whose `expires_at` says when they end (`None`: never), or `None` for
    an answer that held none. `credentials` are those that are known already.

    The lock is held by whoever fetches, which may be a thread that was started for it.
    """

    accepts_expired = False

    __slots__ = (
        "_fetch",
        "_kept",
        "_lock",
        "_paused_until",
        "features",
        "method",
    )

    def __init__(
        self,
        fetch: "Fetch",
        method: str,
        features: "tuple[str, ...]" = (),
        credentials: "Credentials | None" = None,
    ) -> None:
        self._fetch = fetch
        self.method: str | None = method
        self.features = features
        # Credentials, and when to refresh them, to insist on that, and to stop using them: one
        # object, so that who reads it without the lock never sees one's keys and another's times.
        self._kept: tuple[Credentials, float, float, float] | None = None
        self._paused_until = 0.0
        self._lock = ForkSafeLock()
        if credentials is not None:
            self._adopt(credentials)

    def at_hand(self) -> "Credentials | None":
        """Return credentials that can be had without waiting, `None` if `current` would wait."""
        kept = self._kept
        if kept is None:
            return None
        credentials, refresh_from, insist_from, ends_at = kept
        now = clock.now()
        if now <= refresh_from:
            return credentials
        if now <= insist_from:
            if now >= self._paused_until:
                self._refresh_beside()
            return credentials
        return credentials if now < min(self._paused_until, ends_at) else None

    def current(self) -> Credentials:
        """Return credentials that are valid, waiting for a refresh where there is no other way.

        Raises what the refresh raised, and `RuntimeError` if it brought expired credentials.
        """
        kept = self._kept
        if kept is not None and clock.now() <= kept[1]:
            return kept[0]  # as `at_hand` would: for almost every call there is no more to it
        at_hand = self.at_hand()
        if at_hand is not None:
            return at_hand
        with self._lock.own():
            kept = self._kept
            if kept is None or not self._will_do(*kept[2:]):
                kept = self._replace("mandatory")
        return kept[0]

    def settled_until(self) -> float:
        """Return when a refresh will be due."""
        return 0.0 if self._kept is None else self._kept[1]

    def _will_do(self, insist_from: float, ends_at: float) -> bool:
        """Say whether another thread's refresh, waited for, has settled the matter."""
        now = clock.now()
        return now <= insist_from or now < min(self._paused_until, ends_at)

    def windows(self, credentials: Credentials) -> "tuple[float, float]":  # noqa: ARG002
        """Return how many seconds before their end a refresh is due, and calls wait for it."""
        return ADVISORY_SECONDS, MANDATORY_SECONDS

    def _refresh_beside(self) -> None:
        """Start a refresh in a thread of its own, unless one is under way."""
        lock = self._lock.own()
        if not lock.acquire(blocking=False):
            return
        import threading

        try:
            threading.Thread(
                target=self._replace_and_release, args=(lock,), name="sagewire-refresh", daemon=True
            ).start()
        except RuntimeError:
            # No thread to be had, as at the end of the interpreter: the old ones will do.
            lock.release()

    def _replace_and_release(self, lock: "Any") -> None:
        try:
            kept = self._kept
            if kept is None or clock.now() > kept[1]:
                self._replace("advisory")
        except Exception:  # noqa: BLE001, S110 - it is logged, and the next call sees what is left
            pass
        finally:
            lock.release()

    def _replace(self, period: str) -> "tuple[Credentials, float, float, float]":
        """Fetch new credentials and return what is kept; the lock is held.

        A failure counts only when the old ones are over.
        """
        try:
            fetched = self._fetched()
        except Exception:
            import logging

            logging.getLogger("sagewire.credentials").warning(
                "Refreshing temporary credentials failed during %s refresh period.",
                period,
                exc_info=True,
            )
            now = clock.now()
            if self._kept is None or now >= self._kept[3]:
                raise
            self._paused_until = now + _PAUSE_SECONDS
            return self._kept
        kept = self._adopt(fetched)
        if clock.now() > kept[3] and not self.accepts_expired:
            raise RuntimeError(
                "Credentials were refreshed, but the refreshed credentials are still expired."
            )
        return kept

    def _fetched(self) -> Credentials:
        fetched = self._fetch()
        if fetched is None:
            raise CredentialRetrievalError(
                provider=self.method,
                error_msg="Credential refresh failed, response did not contain: "
                "access_key, secret_key, token, expiry_time",
            )
        return fetched

    def _adopt(self, credentials: Credentials) -> "tuple[Credentials, float, float, float]":
        end = credentials.expires_at
        ends_at = _NEVER if end is None else end.timestamp()
        refresh, insist = self.windows(credentials)
        self._kept = kept = (credentials, ends_at - refresh, ends_at - insist, ends_at)
        return kept

    def __repr__(self) -> str:
        return f"{type(self).__name__}(method={self.method!r})"

    def __reduce__(self) -> "Any":
        # Its way of fetching, not the credentials: they are asked for where it is unpickled.
        return type(self), (self._fetch, self.method, self.features)
