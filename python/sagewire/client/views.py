"""What `client.with_options()` may change for the calls of one view, and the checks on it."""

from sagewire.exceptions import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TOKEN = frozenset(  # RFC 9110, section 5.6.2
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
)
# What the signer and the framing of a request stand on.
_OURS = frozenset(
    (
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "content-length",
        "expect",
        "host",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    )
)


class Options:
    """What holds for the calls of one view.

    `timeout` is the deadline of a whole call in seconds, `max_attempts` the most attempts of one,
    `extra_headers` are sent and signed with each; `None` and `()` for what the client was made
    with.
    """

    __slots__ = ("extra_headers", "extra_names", "max_attempts", "timeout")

    def __init__(
        self,
        timeout: "float | None" = None,
        max_attempts: "int | None" = None,
        extra_headers: "tuple[tuple[str, str], ...]" = (),
    ) -> None:
        self.timeout = timeout
        self.max_attempts = max_attempts
        self.extra_headers = extra_headers
        self.extra_names = frozenset(name.lower() for name, _ in extra_headers)

    def with_more(
        self,
        timeout: "Any",
        max_attempts: "Any",
        extra_headers: "Mapping[str, str] | None",
    ) -> "Options":
        """Return these options with the ones that are given in their place; headers add up.

        Raises `InvalidArgumentError` for a value that cannot be.
        """
        headers = dict(self.extra_headers)
        if extra_headers is not None:
            given = _checked_headers(extra_headers)
            names = {name.lower() for name in given}
            kept = {name: text for name, text in headers.items() if name.lower() not in names}
            headers = {**kept, **given}
        return Options(
            self.timeout if timeout is None else _checked_timeout(timeout),
            self.max_attempts if max_attempts is None else _checked_attempts(max_attempts),
            tuple(headers.items()),
        )

    def __reduce__(self) -> "Any":
        return type(self), (self.timeout, self.max_attempts, self.extra_headers)


def _checked_timeout(timeout: "Any") -> float:
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, (int, float))
        or not 0 < timeout < float("inf")
    ):
        raise InvalidArgumentError(
            argument="timeout",
            problem=f"it is {timeout!r}",
            allowed="a number of seconds above 0, or None for no deadline of its own",
        )
    return float(timeout)


def _checked_attempts(attempts: "Any") -> int:
    if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
        raise InvalidArgumentError(
            argument="max_attempts",
            problem=f"it is {attempts!r}",
            allowed="a whole number from 1 on, the first attempt included",
        )
    return attempts


def _checked_headers(headers: "Any") -> "dict[str, str]":
    def refused(problem: str, allowed: str) -> InvalidArgumentError:
        return InvalidArgumentError(argument="extra_headers", problem=problem, allowed=allowed)

    if not hasattr(headers, "items"):
        raise refused(f"it is {type(headers).__name__}", "a mapping of names to texts")
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
            raise refused(f"{name!r} is no header name", "letters, digits and !#$%&'*+-.^_`|~")
        if name.lower() in _OURS:
            raise refused(
                f"{name} is one that sagewire sets itself",
                "headers that neither the signature nor the framing stands on",
            )
        # The value is not shown: it may be a secret.
        if not isinstance(value, str):
            raise refused(f"the value of {name} is {type(value).__name__}", "text")
        if "\r" in value or "\n" in value:
            raise refused(f"the value of {name} has a line end in it", "text of one line")
        checked[name] = value
    return checked


NO_OPTIONS = Options()
