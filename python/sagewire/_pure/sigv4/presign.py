"""Presigning: the signature as query parameters. Twin: rust/core/src/sigv4/presign.rs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
"""

from sagewire._pure.sigv4.canonical import percent_encode, signed_headers, without_unsigned
from sagewire._pure.sigv4.error import invalid_argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.sigv4.sign import Request

# The longest life of a presigned URL, in seconds: seven days.
MAX_EXPIRES_IN = 604_800


class Presigned:
    """A URL that lacks only its signature, and the canonical request that is to be signed."""

    __slots__ = ("stamp", "text", "url")

    def __init__(self, url: str, stamp: str, text: bytes) -> None:
        self.url = url
        self.stamp = stamp
        self.text = text


def check_expiry(expires_in: int) -> None:
    """Raise unless `expires_in` is from one second to seven days."""
    if not 1 <= expires_in <= MAX_EXPIRES_IN:
        problem = f"{expires_in} seconds is out of range"
        raise invalid_argument("expires_in", problem, "1 to 604800 (seven days)")


def unsigned_url(
    request: "Request", stamp: str, credential: str, expires_in: int, token: "str | None"
) -> str:
    """Return the URL with all parameters but the signature."""
    names = b";".join(name for name, _ in signed_headers(without_unsigned(request.with_host())))
    parameters = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(expires_in)),
        ("X-Amz-SignedHeaders", names.decode()),
    ]
    if token is not None:
        parameters.append(("X-Amz-Security-Token", token))
    encoded = "&".join(
        f"{name}={percent_encode(value.encode()).decode()}" for name, value in parameters
    )
    url = request.url
    before = f"{url.query}&" if url.query else ""
    return f"{url.origin}{url.path}?{before}{encoded}"
