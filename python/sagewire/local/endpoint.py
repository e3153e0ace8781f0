"""LocalEndpoint: what a SageMaker endpoint is to its callers, on a loopback port."""

import os
import weakref

from sagewire.local import arguments
from sagewire.local.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from sagewire._pure.server import Server
    from sagewire.local.request import Request
    from sagewire.local.response import Result
    from sagewire.sigv4 import Credentials

    Handler: TypeAlias = Callable[[Request], Result]
    Address: TypeAlias = tuple[str, int, str]

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
MAX_BODY_BYTES = 6_291_456
MODEL_TIMEOUT_SECONDS = 60.0
# Half of the second within which `stop` returns; the other half is for cutting what is left.
GRACE_SECONDS = 0.4


class LocalEndpoint:
    """A real server that takes signed calls for the endpoints it is given, and answers them.

    `endpoints` maps an endpoint's name to a handler or to the URL of a model's container:

    - a handler is a callable that takes a `Request` and returns bytes, text, (bytes, content type),
      a `Response`, or an iterator of bytes, which is sent part by part as it comes. It runs on a
      worker thread; calls run at the same time. What it raises, or returns in vain, becomes the
      service's `ModelError` with `OriginalStatusCode` 500 and the exception's type and text; the
      traceback goes to the log `sagewire.local`.
    - a container's URL is `http://host:port`. A request goes to `<url>/invocations` with the
      headers that the API supports, its answer comes back with the same care. The container's 4xx
      and 5xx become `ModelError`.

    Every call's SigV4 signature is verified, body included, against `credentials` (random ones
    unless given) and `region`. `host` and `port` say where to listen; port 0 takes a free one.
    `model_timeout` is how many seconds a model has for its answer (for an iterator: for each part).
    `max_body_bytes` is the largest body, of a request or of an answer that comes whole.

    >>> import sagewire
    >>> from sagewire.local import LocalEndpoint
    >>> with LocalEndpoint({"upper": lambda request: request.body.upper()}) as local:
    ...     client = sagewire.client(
    ...         region_name=local.region,
    ...         endpoint_url=local.url,
    ...         credentials=local.credentials,
    ...     )
    ...     client.invoke_endpoint(EndpointName="upper", Body=b"hello")["Body"].read()
    b'HELLO'

    It is a context manager; `start` and `stop` do the same without one. It is used once: stopped,
    it cannot be started again. A process forked from this one does not own the server: there,
    `stop` does nothing.

    Raises `InvalidArgumentError` for a name, URL, region, port, time-out or limit that cannot be,
    `TypeError` for a value that is neither callable nor text, `OSError` where it cannot listen.
    """

    def __init__(
        self,
        endpoints: "Mapping[str, Handler | str]",
        *,
        region: str = "us-east-1",
        credentials: "Credentials | None" = None,
        host: str = "127.0.0.1",
        port: int = 0,
        model_timeout: float = MODEL_TIMEOUT_SECONDS,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        if not hasattr(endpoints, "items"):
            raise TypeError(f"endpoints must be a mapping, not {type(endpoints).__name__}")
        self._handlers: dict[str, Handler] = {}
        self._addresses: dict[str, Address | None] = {}
        for name, target in endpoints.items():
            self._addresses[arguments.endpoint_name(name)] = self._address(name, target)
        self._region = arguments.region(region)
        self._credentials = arguments.credentials(credentials)
        self._host = arguments.host(host)
        self._port = arguments.integer("port", port, 0, 65_535)
        self._model_timeout = arguments.seconds("model_timeout", model_timeout)
        self._max_body_bytes = arguments.integer("max_body_bytes", max_body_bytes, 0, 2**31 - 1)
        self._server: Server | None = None
        self._stop: weakref.finalize[..., LocalEndpoint] | None = None

    def _address(self, name: str, target: "Handler | str") -> "Address | None":
        if isinstance(target, str):
            return arguments.container_address(name, target)
        if not callable(target):
            raise TypeError(
                f"endpoints[{name!r}] must be a callable or a container's URL, "
                f"not {type(target).__name__}"
            )
        self._handlers[name] = target
        return None

    @property
    def url(self) -> str:
        """The URL to give to a client as its `endpoint_url`."""
        if self._server is None:
            raise RuntimeError(
                "the local endpoint is not started: enter it with `with`, or start()"
            )
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.port}"

    @property
    def region(self) -> str:
        """The region that signatures must be for."""
        return self._region

    @property
    def credentials(self) -> "Credentials":
        """The credentials that calls must be signed with."""
        return self._credentials

    def start(self) -> "LocalEndpoint":
        """Listen and answer until `stop`, the process's end, or the last reference is gone."""
        if self._server is not None:
            raise RuntimeError("a local endpoint is started once; make another one")
        from sagewire import _impl

        expires_at = self._credentials.expires_at
        try:
            server = _impl.server.Server(
                self._addresses,
                self._host,
                self._port,
                self._region,
                self._credentials.access_key_id,
                self._credentials.secret_access_key,
                self._credentials.token,
                None if expires_at is None else int(expires_at.timestamp()),
                self._model_timeout,
                self._max_body_bytes,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f"cannot listen on {self._host}:{self._port}: {reason}"
            raise OSError(error.errno, where) from None
        workers = Workers(server, self._handlers)
        if self._handlers:
            workers.start()
        self._server = server
        self._stop = weakref.finalize(self, _stop, server, workers, os.getpid())
        return self

    def stop(self) -> None:
        """Stop within a second. Calls in flight have 0.4 s to end; then their connections are cut.

        A handler that still runs then cannot be stopped: its thread ends when it returns, and
        nobody gets its answer. Stopping twice does nothing more.
        """
        if self._stop is not None:
            self._stop()

    def __enter__(self) -> "LocalEndpoint":  # noqa: PYI034 - Self is newer than Python 3.10
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        if self._stop is None:
            return f"<LocalEndpoint {list(self._addresses)} not started>"
        state = "running" if self._stop.alive else "stopped"
        return f"<LocalEndpoint {list(self._addresses)} at {self.url}, {state}>"


def _stop(server: "Server", workers: Workers, owner: int) -> None:
    if os.getpid() == owner:
        server.stop(GRACE_SECONDS)
        workers.join(0.1)
