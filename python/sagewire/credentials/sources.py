"""Sources of credentials: each answers `current()` with what signs the next attempt.

A source hands out the same object as long as the keys are the same, so that a client sees by
identity whether its signer still fits.
"""

import time

from sagewire.exceptions import NoCredentialsError, UnsupportedCredentialSourceError
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

        def current(self) -> Credentials:
            """Return the credentials to sign with; raise `NoCredentialsError` if there are none."""


class Fixed:
    """Credentials that never change. `method` names their place, in boto3's words."""

    __slots__ = ("credentials", "method")

    def __init__(self, credentials: Credentials, method: str) -> None:
        self.credentials = credentials
        self.method = method

    def current(self) -> Credentials:
        """Return them."""
        return self.credentials

    def __reduce__(self) -> "Any":
        return type(self), (self.credentials, self.method)


class Absent:
    """No credentials: the call fails, not the construction, as boto3 has it.

    `found` and `source` say what pointed to a source that is not supported, if anything did.
    """

    __slots__ = ("found", "source")
    method = None

    def __init__(self, found: "str | None" = None, source: "str | None" = None) -> None:
        self.found = found
        self.source = source

    def current(self) -> Credentials:
        """Raise `NoCredentialsError`, or its subclass that names the unsupported source."""
        if self.source is not None:
            raise UnsupportedCredentialSourceError(found=self.found, source=self.source)
        raise NoCredentialsError


class FromCallable:
    """Credentials from the caller's function, asked again when they have expired."""

    __slots__ = ("_credentials", "_function")
    method = "callable"

    def __init__(self, function: "Callable[[], Credentials]") -> None:
        self._function = function
        self._credentials: Credentials | None = None

    def current(self) -> Credentials:
        """Return what the function last returned, asking it first if that has expired."""
        credentials = self._credentials
        if credentials is None or _expired(credentials):
            credentials = self._function()
            if not isinstance(credentials, Credentials):
                raise TypeError(
                    "credentials: the callable must return sagewire.sigv4.Credentials, "
                    f"got {type(credentials).__name__}"
                )
            # Two threads may both ask: each gets good credentials, the later one is kept.
            self._credentials = credentials
        return credentials

    def __reduce__(self) -> "Any":
        return type(self), (self._function,)


class FromSession:
    """Credentials of a boto3 or botocore session, frozen for every attempt so that they refresh."""

    __slots__ = ("_frozen", "_theirs")

    def __init__(self, theirs: "Any") -> None:
        self._theirs = theirs
        self._frozen: tuple[Any, Credentials] | None = None

    @property
    def method(self) -> "str | None":
        """Where the session found them, in botocore's words."""
        return getattr(self._theirs, "method", None)

    def current(self) -> Credentials:
        """Return the session's credentials of this moment."""
        if self._theirs is None:
            raise NoCredentialsError
        frozen = self._theirs.get_frozen_credentials()
        kept = self._frozen
        if kept is not None and kept[0] == frozen:
            return kept[1]
        credentials = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        self._frozen = (frozen, credentials)
        return credentials


def _expired(credentials: Credentials) -> bool:
    expires_at = getattr(credentials, "expires_at", None)
    return expires_at is not None and expires_at.timestamp() <= time.time()
