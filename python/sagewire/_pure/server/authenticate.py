"""Whether a request's signature is right. Twin: rust/net/src/server/authenticate.rs."""

import time

from sagewire._pure.server import errors
from sagewire._pure.sigv4 import Verifier
from sagewire.exceptions import SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.server.head import Head

# AWS accepts clocks that are off by five minutes.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
MAX_SKEW_SECONDS = 300
SERVICE = "sagemaker"


class Authenticator:
    """Verifies against the one set of credentials that the endpoint knows."""

    __slots__ = ("_known", "_verifier")

    def __init__(
        self,
        region: str,
        access_key_id: str,
        secret_access_key: str,
        token: "str | None",
        expires_at: "int | None",
    ) -> None:
        self._known = {access_key_id: (secret_access_key, token, expires_at)}
        self._verifier = Verifier(
            region, SERVICE, MAX_SKEW_SECONDS, normalize_path=True, double_encode=True
        )

    def check(self, head: "Head", body: bytes) -> None:
        """Raise the service's error unless the request is signed, now, by the known key."""
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in head.headers]
        method, target = head.method.encode("ascii"), head.target.encode("latin-1")
        try:
            self._verifier.verify(self._known.get, method, target, headers, body, int(time.time()))
        except SignatureError as error:
            raise errors.refused_signature(error) from None
