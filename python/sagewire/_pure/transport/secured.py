"""A socket under TLS that tells a reset from an end, and loses no descriptor.

Imported where TLS is made, since `ssl` is slow to load. The native twin has no need of it.
"""

import errno
import os
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Before OpenSSL 3 an end without a goodbye looks like a reset.
_TOLD_APART = ssl.OPENSSL_VERSION_INFO >= (3,)


class SecuredSocket(ssl.SSLSocket):
    """`ssl.SSLSocket`, for `SSLContext.sslsocket_class`; with `suppress_ragged_eofs=False`."""

    _ended = False

    def getpeername(self) -> "Any":
        """Return the peer's address, `None` where the connection is over.

        The base asks in its constructor, and where the peer has reset the connection by then it
        raises and keeps the descriptor. The handshake will find out what is the matter.
        """
        try:
            return super().getpeername()
        except OSError:
            return None

    def read(self, len: int = 1024, buffer: "Any" = None) -> "Any":  # noqa: A002 - the base's name
        """Read as the base does, which takes a reset for the end (seen in Python 3.11).

        Raises `ConnectionResetError`.
        """
        if self._ended:
            return b"" if buffer is None else 0
        try:
            return super().read(len, buffer)
        except ssl.SSLEOFError as error:
            # The library gives a reason for an end without a goodbye, which is one all the same,
            # and none where the system had an error to report.
            if _TOLD_APART and not error.reason:
                raise ConnectionResetError(
                    errno.ECONNRESET, os.strerror(errno.ECONNRESET)
                ) from None
            # Asked again, the library would report what its own last words have met with.
            self._ended = True
            return b"" if buffer is None else 0
