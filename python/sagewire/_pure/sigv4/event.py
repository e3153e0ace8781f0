"""A chain of signed event-stream messages. Twin: rust/core/src/sigv4/event.rs.

The message carries two headers, `:date` and `:chunk-signature`; its payload is the message that is
signed. The string to sign is that of
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
"""

import hmac

from sagewire._pure.eventstream.encode import MAX_PAYLOAD_BYTES, encode_message
from sagewire._pure.eventstream.header import Timestamp, encode_headers
from sagewire._pure.sigv4 import timestamp
from sagewire._pure.sigv4.error import invalid_argument
from sagewire._pure.sigv4.key import is_signature, sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class EventSigner:
    """Signs one event-stream message after the other."""

    __slots__ = ("_key", "_lock", "_prior_signature", "_scope")

    def __init__(
        self, seed_signature: str, key: "Callable[[str], bytes]", scope: "Callable[[str], str]"
    ) -> None:
        import threading

        seed_signature.encode()
        if not is_signature(seed_signature):
            problem = "it is not a signature"
            raise invalid_argument("seed_signature", problem, "64 lower-case hexadecimal digits")
        self._prior_signature = seed_signature
        self._key = key
        self._scope = scope
        self._lock = threading.Lock()

    def sign(self, payload: bytes, at: int) -> bytes:
        """Return the next signed message around `payload`."""
        with self._lock:
            stamp = timestamp.from_epoch(at)
            date = (":date", Timestamp(at * 1000))
            if len(payload) > MAX_PAYLOAD_BYTES:
                problem = f"it has {len(payload)} bytes"
                raise invalid_argument("payload", problem, "at most 25165824 bytes")
            string_to_sign = "\n".join(
                (
                    "AWS4-HMAC-SHA256-PAYLOAD",
                    stamp,
                    self._scope(stamp),
                    self._prior_signature,
                    sha256_hex(encode_headers([date])),
                    sha256_hex(payload),
                )
            )
            signature = hmac.digest(self._key(stamp), string_to_sign.encode(), "sha256")
            self._prior_signature = signature.hex()
            return encode_message([date, (":chunk-signature", signature)], payload)

    @property
    def prior_signature(self) -> str:
        """The signature that the next one covers."""
        return self._prior_signature
