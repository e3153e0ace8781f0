"""TLS over a connection, and over TLS to a proxy. Twin: rust/net/src/transport/tls.rs."""

import os

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire._pure.transport.watch import waited
from sagewire.exceptions import ConnectionClosedError, ConnectTimeoutError, SSLError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from sagewire._pure.transport.watch import Watch


class TlsSettings:
    """Whom to trust, and who to be.

    `verify=False` trusts anyone. `ca_bundle` is the path of a PEM file to trust instead of the
    system's roots. `client_cert` and `client_key` are paths of PEM files; without `client_key` the
    key is in `client_cert`.
    """

    __slots__ = ("_context", "ca_bundle", "client_cert", "client_key", "verify")

    def __init__(
        self,
        verify: bool,
        ca_bundle: "str | None",
        client_cert: "str | None",
        client_key: "str | None",
    ) -> None:
        self.verify = verify
        self.ca_bundle = ca_bundle
        self.client_cert = client_cert
        self.client_key = client_key
        self._context: ssl.SSLContext | None = None

    def load(self) -> None:
        """Read the files, if that has not been done. Raises `ValueError` where that fails."""
        try:
            self._made_context()
        except _UnusableError as error:
            raise ValueError(str(error)) from None

    def _wrap(
        self,
        connected: "socket.socket",
        host: str,
        limit: Countdown,
        deadline: Deadline,
        url: str,
        watch: "Watch",
    ) -> "socket.socket":
        """Return the connection under TLS; closes it on failure."""
        try:
            # Wrapped first, so that there is something to close whatever ends the handshake.
            connected = self._begun(connected, host)
            shake: Callable[[], None] = connected.do_handshake  # type: ignore[attr-defined]
            waited(connected, shake, limit.left(), deadline, CONNECTING, watch)
        except TimeoutError:
            connected.close()
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        except Exception as error:  # noqa: BLE001 - told apart below
            failure = self._explained(error, connected, url)
            connected.close()
            raise failure from None
        except BaseException:
            connected.close()
            raise
        return connected

    def _begun(self, connected: "socket.socket", host: str) -> "socket.socket":
        """Return the connection under TLS, the handshake still to come."""
        import ssl

        context = self._made_context()
        # A certificate knows neither an absolute name's dot nor an address's zone.
        name = host.partition("%")[0].rstrip(".")
        if isinstance(connected, ssl.SSLSocket):
            from sagewire._pure.transport.nested import NestedTls

            return NestedTls(connected, context, name)  # type: ignore[return-value]
        return context.wrap_socket(
            connected,
            server_hostname=name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,  # judged by our own class
        )

    def _explained(self, error: Exception, connected: "socket.socket", url: str) -> Exception:
        """Return what a failed handshake is to the caller; other errors as they are."""
        import ssl

        if isinstance(error, _UnusableError):
            if error.unreadable:
                return ConnectionClosedError(endpoint_url=url, cause=str(error))
            return SSLError(endpoint_url=url, error=str(error))
        if isinstance(error, ssl.SSLCertVerificationError):
            from sagewire._pure.transport.trust import explained

            return SSLError(
                endpoint_url=url, error=explained(error, connected, self._made_context())
            )
        if isinstance(error, (ssl.SSLError, ValueError)):
            return SSLError(endpoint_url=url, error=str(error))
        if isinstance(error, OSError):
            return ConnectionClosedError(endpoint_url=url)
        return error

    def _made_context(self) -> "ssl.SSLContext":
        if self._context is None:
            import ssl

            from sagewire._pure.transport.secured import SecuredSocket

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.sslsocket_class = SecuredSocket
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif self.ca_bundle is None:
                context.load_default_certs()
            else:
                self._trust_bundle(context, self.ca_bundle)
            if self.client_cert is not None:
                self._take_identity(context, self.client_cert)
            key_log = os.environ.get("SSLKEYLOGFILE")
            if key_log:
                context.keylog_filename = key_log
            self._context = context
        return self._context

    @staticmethod
    def _trust_bundle(context: "ssl.SSLContext", ca_bundle: str) -> None:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except OSError as error:
            raise _UnusableError(f"cannot use the CA bundle {ca_bundle}: {error}") from None

    def _take_identity(self, context: "ssl.SSLContext", client_cert: str) -> None:
        key_path = self.client_key or client_cert
        for path in (client_cert, key_path):
            try:
                with open(path, "rb") as file:  # noqa: PTH123 - a path as it was given
                    content = file.read()
            except OSError as error:
                words = f"cannot use the client certificate {path}: {error}"
                raise _UnusableError(words, unreadable=True) from None
        if b"ENCRYPTED" in content:
            raise _UnusableError("Client private key is encrypted, password is required")
        try:
            context.load_cert_chain(client_cert, self.client_key)
        except OSError as error:
            words = f"cannot use the client certificate {client_cert}: {error}"
            raise _UnusableError(words) from None


class _UnusableError(Exception):
    """Settings that no handshake can be made with.

    `unreadable` is a file of the client's own that cannot be read: boto3 tells it from one without
    sense.
    """

    def __init__(self, words: str, *, unreadable: bool = False) -> None:
        super().__init__(words)
        self.unreadable = unreadable
