"""The arguments of a local endpoint: what they may be, and the words where they are not."""

from sagewire.exceptions import InvalidArgumentError
from sagewire.local.callers import Caller
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Address: TypeAlias = tuple[str, int, str]

NOT_STARTED = "the local endpoint is not started: enter it with `with`, or start()"


def name(argument: str, kind: str, name: object) -> str:
    """Return a name if the API model allows it for an endpoint or a variant."""
    import re

    if not isinstance(name, str):
        raise TypeError(f"the name of {kind} must be str, not {type(name).__name__}")
    if len(name) > 63 or not re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{name!r} is no name of {kind}",
            allowed="1 to 63 letters, digits and hyphens, no hyphen first or last",
        )
    return name


def container_address(argument: str, url: str) -> "Address":
    """Return a container's host, port and path of invocations."""
    from urllib.parse import urlsplit

    allowed = "http://host, with a port and a path if needed"
    # Whatever stands in front of the host may be somebody's password.
    before, _, after = url.rpartition("@")
    shown = f"{before.partition('://')[0]}://***@{after}" if before else url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgumentError(
            argument=argument, problem=f"{shown!r}: {error}", allowed=allowed
        ) from None
    visible = url.isascii() and url.isprintable() and " " not in url
    extra = parts.query or parts.fragment or parts.username is not None
    if parts.scheme != "http" or not parts.hostname or extra or not visible:
        raise InvalidArgumentError(
            argument=argument, problem=f"{shown!r} is no URL of a container", allowed=allowed
        )
    path = parts.path.rstrip("/") + "/invocations"
    return parts.hostname, 80 if port is None else port, path


def region(region: str) -> str:
    """Return a region's name if it could be one."""
    import re

    if not isinstance(region, str):
        raise TypeError(f"region must be str, not {type(region).__name__}")
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", region):
        raise InvalidArgumentError(
            argument="region",
            problem=f"{region!r} is no region",
            allowed="lower-case letters, digits and hyphens",
        )
    return region


def integer(argument: str, value: int, least: int, most: int) -> int:
    """Return an integer within its range."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{argument} must be int, not {type(value).__name__}")
    if not least <= value <= most:
        raise InvalidArgumentError(
            argument=argument, problem=f"{value} is out of range", allowed=f"{least} to {most}"
        )
    return value


def seconds(argument: str, value: float, *, or_none: bool = False) -> float:
    """Return a number of seconds, at most a day; 0 only where it may stand for `or_none`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {type(value).__name__}")
    if not (0 < value <= 86_400 or (or_none and value == 0)):
        raise InvalidArgumentError(
            argument=argument, problem=f"{value} is out of range", allowed="0 to 86400 seconds"
        )
    return float(value)


def weight(argument: str, value: float) -> float:
    """Return a variant's weight. The service takes any number from 0 up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {type(value).__name__}")
    if not 0 <= value <= 1e9:
        raise InvalidArgumentError(
            argument=argument, problem=f"{value} is out of range", allowed="0 to 1e9"
        )
    return float(value)


def host(host: str) -> str:
    """Return an IP address to listen on."""
    import ipaddress

    if not isinstance(host, str):
        raise TypeError(f"host must be str, not {type(host).__name__}")
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise InvalidArgumentError(
            argument="host",
            problem=f"{host!r} is no address",
            allowed="an IP address, or localhost",
        ) from None


def credentials(credentials: "Credentials | None") -> "Credentials":
    """Return the credentials, random ones if there are none."""
    if credentials is None:
        return _random_credentials()
    if not isinstance(credentials, Credentials):
        raise TypeError(
            f"credentials must be sagewire.sigv4.Credentials, not {type(credentials).__name__}"
        )
    return credentials


def _random_credentials() -> "Credentials":
    import secrets

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    return Credentials(key, secrets.token_urlsafe(30))


def callers(own: "Credentials", callers: "Iterable[Caller]") -> "list[Caller]":
    """Return everybody who may call, each key once."""
    if isinstance(callers, (str, Caller)) or not hasattr(callers, "__iter__"):
        raise TypeError(f"callers must be an iterable of Caller, not {type(callers).__name__}")
    known = {own.access_key_id: Caller(own)}
    for caller in callers:
        if not isinstance(caller, Caller):
            raise TypeError(f"callers must consist of Caller, not {type(caller).__name__}")
        key = caller.credentials.access_key_id
        if key in known:
            raise InvalidArgumentError(
                argument="callers", problem=f"{key} occurs twice", allowed="each key once"
            )
        known[key] = caller
    return list(known.values())


def optional_callable(argument: str, value: "Callable[..., Any] | None") -> "Any":
    """Return a callable, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{argument} must be a callable or None, not {type(value).__name__}")
    return value


def verify_signatures(host: str, value: bool) -> bool:
    """Return whether signatures are verified; warn where they are not."""
    if not isinstance(value, bool):
        raise TypeError(f"verify_signatures must be bool, not {type(value).__name__}")
    if not value:
        import ipaddress
        import warnings

        if not ipaddress.ip_address(host).is_loopback:
            raise InvalidArgumentError(
                argument="verify_signatures",
                problem=f"anybody who reaches {host} could call",
                allowed="True, or a loopback address as host",
            )
        warnings.warn(
            "this local endpoint answers calls without looking at their signatures",
            UserWarning,
            stacklevel=3,
        )
    return value
