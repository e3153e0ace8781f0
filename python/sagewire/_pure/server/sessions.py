"""Stateful sessions: which variant and container a session id belongs to, and until when.

The container makes the id, names its end and closes it; the server only remembers where later calls
have to go: https://docs.aws.amazon.com/sagemaker/latest/dg/stateful-sessions.html.
Twin: rust/net/src/server/sessions.rs.
"""

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[str, str]

# What a caller sends to be given a session.
NEW_SESSION = "NEW_SESSION"
# Sessions kept; beyond that, those that are over are cleared away, then the oldest.
MAX_SESSIONS = 100_000


class Place:
    """Where a session lives: a variant, and one of its containers unless a handler answers."""

    __slots__ = ("container", "variant")

    def __init__(self, variant: str, container: str) -> None:
        self.variant = variant
        self.container = container


class _Session:
    __slots__ = ("ends_at", "idle_seconds", "place")

    def __init__(self, place: Place, ends_at: int, idle_seconds: "int | None") -> None:
        self.place = place
        self.ends_at = ends_at
        # The end moves with each call if the container named none.
        self.idle_seconds = idle_seconds


class Sessions:
    """All sessions of a server, by endpoint and id."""

    def __init__(self, idle_seconds: int) -> None:
        self._idle_seconds = idle_seconds
        self._known: dict[Key, _Session] = {}
        self._lock = threading.Lock()

    def find(self, endpoint: str, session_id: str, now: int) -> "Place | None":
        """Return where a session lives, if it does."""
        with self._lock:
            session = self._known.get((endpoint, session_id))
            if session is None:
                return None
            if session.ends_at <= now:
                del self._known[endpoint, session_id]
                return None
            if session.idle_seconds is not None:
                session.ends_at = now + session.idle_seconds
            return session.place

    def opened(self, endpoint: str, stated: str, place: Place, now: int) -> None:
        """Remember the session that a model has opened: `ID; Expires=2026-11-24T15:00:00Z`."""
        session_id, _, end = stated.partition(";")
        end = end.strip()
        ends_at = _epoch(end[len("Expires=") :]) if end.startswith("Expires=") else None
        idle_seconds = self._idle_seconds if ends_at is None else None
        if ends_at is None:
            ends_at = now + self._idle_seconds
        with self._lock:
            if len(self._known) >= MAX_SESSIONS:
                self._make_room(now)
            self._known[endpoint, session_id.strip()] = _Session(place, ends_at, idle_seconds)

    def closed(self, endpoint: str, session_id: str) -> None:
        """Forget a session that its model has closed."""
        with self._lock:
            self._known.pop((endpoint, session_id.strip()), None)

    def _make_room(self, now: int) -> None:
        for key in [key for key, session in self._known.items() if session.ends_at <= now]:
            del self._known[key]
        if len(self._known) >= MAX_SESSIONS:
            del self._known[min(self._known, key=lambda key: self._known[key].ends_at)]


def _epoch(text: str) -> "int | None":
    """Return the seconds since 1970 of `YYYY-MM-DDThh:mm:ssZ`, the API model's only form."""
    import re
    from datetime import datetime, timezone

    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        return None
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return int(moment.timestamp())
