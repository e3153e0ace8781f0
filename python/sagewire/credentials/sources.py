"""Sources of credentials: each answers `current()` with what signs the next attempt.

A source hands out the same object as long as the keys are the same, so that a client sees by
identity whether its signer still fits. Threads share it; it survives a fork, and it pickles unless
it holds something that does not.
"""

from sagewire.credentials import clock
from sagewire.credentials.locks import ForkSafeLock
from sagewire.credentials.refreshing import ADVISORY_SECONDS, Refreshing
from sagewire.exceptions import NoCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Source(Protocol):
        """What a client asks for credentials, once for every attempt."""

        @property
        def method(self) -> "str | None":
            """Where the credentials are from, in botocore's words."""

        @property
        def features(self) -> "tuple[str, ...]":
            """The letters of the `User-Agent` that stand for this kind of source."""

        def at_hand(self) -> "Credentials | None":
            """Return the credentials to sign with, or `None` if having them may take a wait.

            Never waits, so that an event loop can ask: after `None` it runs `current` in a thread.
            """

        def current(self) -> Credentials:
            """Return the credentials to sign with; raise `NoCredentialsError` if there are none."""

        def settled_until(self) -> float:
            """Return until when what `current` gave last will do, in seconds since 1970.

            0 if it has to be asked every time.
            """


class Fixed:
    """Credentials that never change. `method` names their place, in boto3's words."""

    __slots__ = ("credentials", "features", "method")

    def __init__(
        self, credentials: Credentials, method: str, features: "tuple[str, ...]" = ()
    ) -> None:
        self.credentials = credentials
        self.method: str | None = method
        self.features = features

    def at_hand(self) -> "Credentials | None":
        """Return them."""
        return self.credentials

    def current(self) -> Credentials:
        """Return them."""
        return self.credentials

    def settled_until(self) -> float:
        """Return infinity."""
        return float("inf")

    def __repr__(self) -> str:
        return f"Fixed(method={self.method!r})"

    def __reduce__(self) -> "Any":
        return type(self), (self.credentials, self.method, self.features)


class Absent:
    """No credentials: the call fails, not the construction, as boto3 has it."""

    __slots__ = ()
    method = None
    features: "tuple[str, ...]" = ()

    def at_hand(self) -> "Credentials | None":
        """Return `None`: it is `current` that fails."""
        return None

    def current(self) -> Credentials:
        """Raise `NoCredentialsError`."""
        raise NoCredentialsError

    def settled_until(self) -> float:
        """Return 0: there may be some the next time."""
        return 0.0


class Later:
    """A source that is searched for at its first use: for those who may not wait when it is made.

    `search` returns a source; what it raises is raised by `current`, and it is searched again.
    """

    __slots__ = ("_lock", "_search", "_source")

    def __init__(self, search: "Callable[[], Source]") -> None:
        self._search = search
        self._lock = ForkSafeLock()
        self._source: Source | None = None

    @property
    def method(self) -> "str | None":
        """Where the credentials are from; `None` until they have been searched for."""
        return None if self._source is None else self._source.method

    @property
    def features(self) -> "tuple[str, ...]":
        """As `method`: none until they have been searched for."""
        return () if self._source is None else self._source.features

    def at_hand(self) -> "Credentials | None":
        """Return what the source that was found has at hand."""
        return None if self._source is None else self._source.at_hand()

    def current(self) -> Credentials:
        """Search, once for all threads, and ask what was found."""
        source = self._source
        if source is None:
            with self._lock.own():
                source = self._source or self._search()
                if not isinstance(source, Absent):  # which may be another the next time
                    self._source = source
        return source.current()

    def settled_until(self) -> float:
        """Return what the source says that was found."""
        return 0.0 if self._source is None else self._source.settled_until()

    def __reduce__(self) -> "Any":
        return type(self), (self._search,)


class FromCallable(Refreshing):
    """Credentials from the caller's function, asked again ahead of their end.

    Their lives may be short: a refresh is due in their last quarter, or 15 minutes before the end,
    and calls wait for it only after the end. What it returns is used even if its end has passed:
    the caller knows best.
    """

    accepts_expired = True

    __slots__ = ("_function",)

    def __init__(self, function: "Callable[[], Credentials]") -> None:
        super().__init__(self._ask, "callable", ("e",))
        self._function = function

    def windows(self, credentials: Credentials) -> "tuple[float, float]":
        """Return how many seconds before their end a refresh is due, and calls wait for it."""
        end = credentials.expires_at
        lifetime = 0.0 if end is None else max(0.0, end.timestamp() - clock.now())
        return min(ADVISORY_SECONDS, lifetime / 4), 0.0

    def _ask(self) -> Credentials:
        credentials = self._function()
        if not isinstance(credentials, Credentials):
            raise TypeError(
                "credentials: the callable must return sagewire.sigv4.Credentials, "
                f"got {type(credentials).__name__}"
            )
        return credentials

    def __reduce__(self) -> "Any":
        return type(self), (self._function,)
