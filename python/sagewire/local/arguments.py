"""The arguments of a local endpoint: what they may be, and the words where they are not."""

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Address: TypeAlias = tuple[str, int, str]


def endpoint_name(name: object) -> str:
    """Return an endpoint's name if the API model allows it."""
    import re

    if not isinstance(name, str):
        raise TypeError(f"the name of an endpoint must be str, not {type(name).__name__}")
    if len(name) > 63 or not re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        raise InvalidArgumentError(
            argument="endpoints",
            problem=f"{name!r} is no endpoint name",
            allowed="1 to 63 letters, digits and hyphens, no hyphen first or last",
        )
    return name


def container_address(name: str, url: str) -> "Address":
    """Return a container's host, port and path of invocations."""
    from urllib.parse import urlsplit

    argument = f"endpoints[{name!r}]"
    allowed = "http://host, with a port and a path if needed"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgumentError(
            argument=argument, problem=f"{url!r}: {error}", allowed=allowed
        ) from None
    visible = url.isascii() and url.isprintable() and " " not in url
    extra = parts.query or parts.fragment or parts.username is not None
    if parts.scheme != "http" or not parts.hostname or extra or not visible:
        raise InvalidArgumentError(
            argument=argument, problem=f"{url!r} is no URL of a container", allowed=allowed
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


def seconds(argument: str, value: float) -> float:
    """Return a number of seconds, at most a day."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{argument} must be a number, not {type(value).__name__}")
    if not 0 < value <= 86_400:
        raise InvalidArgumentError(
            argument=argument, problem=f"{value} is out of range", allowed="0 to 86400 seconds"
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
