"""TLS over a connection. Twin: rust/net/src/transport/tls.rs."""

from sagewire._pure.transport.deadline import CONNECTING, Countdown, Deadline
from sagewire.exceptions import ConnectionClosedError, ConnectTimeoutError, SSLError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl


class TlsSettings:
    """Whom to trust, and who to be.

    `verify=False` trusts anyone. `ca_bundle` is the path of a PEM file (or of a folder of hashed
    certificates) to trust instead of the system's roots. `client_cert` and `client_key` are paths
    of PEM files; without `client_key` the key is in `client_cert`.
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

    def _wrap(
        self,
        connected: "socket.socket",
        host: str,
        limit: Countdown,
        deadline: Deadline,
        url: str,
    ) -> "socket.socket":
        """Return the connection under TLS; closes it on failure."""
        import ssl

        try:
            context = self._made_context(url)
            # Wrapped first, so that there is something to close whatever ends the handshake.
            connected = context.wrap_socket(
                connected, server_hostname=host, do_handshake_on_connect=False
            )
            connected.settimeout(deadline.wait(limit.left(), CONNECTING))
            connected.do_handshake()
        except TimeoutError:
            connected.close()
            deadline.check(CONNECTING)
            raise ConnectTimeoutError(endpoint_url=url) from None
        except SSLError:  # ours, about the settings; it is an OSError too
            connected.close()
            raise
        except (ssl.SSLError, ValueError) as error:
            connected.close()
            raise SSLError(endpoint_url=url, error=str(error)) from None
        except OSError:
            connected.close()
            raise ConnectionClosedError(endpoint_url=url) from None
        except BaseException:
            connected.close()
            raise
        return connected

    def _made_context(self, url: str) -> "ssl.SSLContext":
        if self._context is None:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif self.ca_bundle is None:
                context.load_default_certs()
            else:
                # A server is also trusted by naming its own certificate, as from Python 3.13 on.
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
                _trust(context, self.ca_bundle, url)
            if self.client_cert is not None:
                try:
                    context.load_cert_chain(self.client_cert, self.client_key)
                except OSError as error:
                    text = f"cannot use the client certificate {self.client_cert}: {error}"
                    raise SSLError(endpoint_url=url, error=text) from None
            self._context = context
        return self._context


def _trust(context: "ssl.SSLContext", ca_bundle: str, url: str) -> None:
    from pathlib import Path

    try:
        if Path(ca_bundle).is_dir():
            context.load_verify_locations(capath=ca_bundle)
        else:
            context.load_verify_locations(cafile=ca_bundle)
    except OSError as error:
        text = f"cannot use the CA bundle {ca_bundle}: {error}"
        raise SSLError(endpoint_url=url, error=text) from None
