"""Whether a request's signature is right, and whether its caller may call that endpoint.

Twin: rust/net/src/server/authenticate.rs.
"""

import time

from sagewire._pure.server import errors
from sagewire._pure.server.permission import matches
from sagewire._pure.sigv4 import Verifier
from sagewire.exceptions import SignatureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.server.head import Head
    from sagewire._pure.server.lookups import Found, Lookups

# AWS accepts clocks that are off by five minutes.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
MAX_SKEW_SECONDS = 300
SERVICE = "sagemaker"


class Authenticator:
    """Verifies against the credentials that the server knows, and those it can ask for."""

    __slots__ = ("_known", "_lookups", "_region", "_verifier")

    def __init__(
        self,
        region: str,
        credentials: "list[tuple[str, str, str | None, int | None, list[str]]] | None",
        lookups: "Lookups | None",
    ) -> None:
        self._region = region
        # None if signatures are not looked at.
        self._known: dict[str, Found] | None = None
        if credentials is not None:
            self._known = {
                key: (secret, token, expires_at, patterns)
                for key, secret, token, expires_at, patterns in credentials
            }
        self._lookups = lookups
        self._verifier = Verifier(
            region, SERVICE, MAX_SKEW_SECONDS, normalize_path=True, double_encode=True
        )

    def check(self, head: "Head", body: bytes, operation: str, endpoint: str) -> None:
        """Raise the service's error unless the request is signed, now, by one who may call."""
        known = self._known
        if known is None:
            return
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in head.headers]
        method, target = head.method.encode("ascii"), head.target.encode("latin-1")
        allowed: list[str] = []

        def secrets_of(access_key_id: str) -> "tuple[str, str | None, int | None] | None":
            found = known.get(access_key_id)
            if found is None and self._lookups is not None:
                found = self._lookups.ask(access_key_id)
            if found is None:
                return None
            allowed[:] = found[3]
            return found[:3]

        try:
            key, *_ = self._verifier.verify(
                secrets_of, method, target, headers, body, int(time.time())
            )
        except SignatureError as error:
            raise errors.refused_signature(error) from None
        if not any(matches(pattern, endpoint) for pattern in allowed):
            raise errors.access_denied(key, operation, self._region, endpoint)
