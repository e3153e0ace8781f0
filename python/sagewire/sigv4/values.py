"""The values that go in and out of signing and verifying: small, frozen, without shown secrets."""

from sagewire.sigv4.arguments import require_text, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, NoReturn


class Frozen:
    """A small value: its slots are set once, by its constructor."""

    __slots__: "tuple[str, ...]" = ()

    def __setattr__(self, name: str, value: object) -> "NoReturn":
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> "NoReturn":
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __reduce__(self) -> "Any":
        return type(self), self._values()

    def __repr__(self) -> str:
        fields = zip(self.__slots__, self._values(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def _values(self) -> "tuple[Any, ...]":
        return tuple(getattr(self, name) for name in self.__slots__)

    def _fill(self, *values: object) -> None:
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)


class Credentials(Frozen):
    """An access key id, its secret, and the session token of temporary credentials.

    `expires_at` is the aware `datetime` at which temporary credentials end, or `None`. An empty
    token counts as none. The secrets are never shown.

    >>> Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", token="AQoDYXdzEPT")
    Credentials(access_key_id='AKIDEXAMPLE', secret_access_key=<hidden>, token=<hidden>)
    """

    __slots__ = ("access_key_id", "secret_access_key", "token", "expires_at")  # noqa: RUF023

    access_key_id: str
    secret_access_key: str
    token: "str | None"
    expires_at: "datetime | None"

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        token: "str | None" = None,
        expires_at: "datetime | None" = None,
    ) -> None:
        require_text("access_key_id", access_key_id)
        require_text("secret_access_key", secret_access_key)
        if token is not None:
            require_text("token", token)
        if expires_at is not None:
            seconds_of(expires_at, "expires_at")
        self._fill(access_key_id, secret_access_key, token, expires_at)

    def __repr__(self) -> str:
        if not hasattr(self, "token"):  # its constructor refused: a traceback may still show it
            return "Credentials(<incomplete>)"
        token = "" if not self.token else ", token=<hidden>"
        return (
            f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=<hidden>{token})"
        )


class Identity(Frozen):
    """Who signed a request, when, and what of it.

    `signed_headers` has the names in lower case; `signed_at` is an aware `datetime` in UTC; `scope`
    is the credential scope: date, region, service and `aws4_request`.
    """

    __slots__ = ("access_key_id", "signed_headers", "signed_at", "scope")  # noqa: RUF023

    access_key_id: str
    signed_headers: "tuple[str, ...]"
    signed_at: "datetime"
    scope: str

    def __init__(
        self,
        access_key_id: str,
        signed_headers: "tuple[str, ...]",
        signed_at: "datetime",
        scope: str,
    ) -> None:
        self._fill(access_key_id, signed_headers, signed_at, scope)


class Explanation(Frozen):
    """What a verifier made of a request. Session tokens are hidden; it holds no secret.

    `difference` is the first thing that differs, or `None` if the signature is accepted. The two
    texts are empty if the signature's form is broken.
    """

    __slots__ = ("canonical_request", "string_to_sign", "difference")  # noqa: RUF023

    canonical_request: str
    string_to_sign: str
    difference: "str | None"

    def __init__(
        self, canonical_request: str, string_to_sign: str, difference: "str | None"
    ) -> None:
        self._fill(canonical_request, string_to_sign, difference)
