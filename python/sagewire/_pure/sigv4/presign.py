"""Presigning: the signature as query parameters. Twin: rust/core/src/sigv4/presign.rs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
"""

from sagewire._pure.sigv4.canonical import percent_encode, signed_headers, without_unsigned

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


def unsigned_url(
    request: "Request", stamp: str, credential: str, expires_in: str, token: "str | None"
) -> str:
    """Return the URL with all parameters but the signature."""
    names = b";".join(name for name, _ in signed_headers(without_unsigned(request.with_host())))
    parameters = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", expires_in),
        ("X-Amz-SignedHeaders", names.decode()),
    ]
    # A header of an empty token is left out; in a query boto3 says that it is empty.
    if token is not None:
        parameters.append(("X-Amz-Security-Token", token))
    encoded = "&".join(
        f"{name}={percent_encode(value.encode()).decode()}" for name, value in parameters
    )
    url = request.url
    before = f"{url.query}&" if url.query else ""
    return f"{url.origin}{url.path}?{before}{encoded}"
