"""LocalEndpoint: what a SageMaker endpoint is to its callers, on a loopback port."""

import os
import weakref

from sagewire.local import arguments, storage
from sagewire.local.callers import start_lookups, wired
from sagewire.local.faults import Scripted
from sagewire.local.variant import variants_of
from sagewire.local.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Mapping

    from sagewire._pure.server import FrontDoor
    from sagewire.local.callers import Caller, Lookup
    from sagewire.local.variant import Handler, Target, Variant, Wired
    from sagewire.sigv4 import Credentials

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
MAX_BODY_BYTES = 6_291_456
MODEL_TIMEOUT_SECONDS = 60.0
# https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-test-endpoints.html
STREAM_TIMEOUT_SECONDS = 480.0
# How often a container is asked how it is.
PING_SECONDS = 5.0
# How long a session lives between two calls if its model named no end.
SESSION_SECONDS = 1200.0
# Asynchronous invocations that are done at the same time, as by an instance of the service.
ASYNC_WORKERS = 4
# Half of the second within which `stop` returns; the other half is for cutting what is left.
GRACE_SECONDS = 0.4


class LocalEndpoint(Scripted):
    """A real server that takes signed calls for the endpoints it is given, and answers them.

    `endpoints` maps an endpoint's name to a handler, to the URL of a model's container (or a list
    of URLs, of containers that do the same), or to several production variants:

    - a handler is a callable that takes a `Request` and returns bytes, text, (bytes, content type),
      a `Response`, or an iterator of bytes, which is sent part by part as it comes. It runs on a
      worker thread; calls run at the same time. What it raises, or returns in vain, becomes the
      service's `ModelError` with `OriginalStatusCode` 500 and the exception's type and text; the
      traceback goes to the log `sagewire.local`.
    - a container's URL is `http://host:port`. A request goes to `<url>/invocations` with the
      headers that the API supports, its answer comes back with the same care. The container's 4xx
      and 5xx become `ModelError`.
    - several variants are a mapping of their names to handlers, URLs or `Variant`s, which have
      weights: `{"shop": {"old": Variant(handler, weight=9), "new": "http://127.0.0.1:8080"}}`.
      `InvokedProductionVariant` says which one answered; a caller's `TargetVariant` decides itself.

    All three operations are answered. For `invoke_endpoint_with_response_stream` each part of a
    handler's iterator, and each chunk of a container's answer, is one `PayloadPart`; what goes
    wrong after the first becomes `ModelStreamError` in the stream. For `invoke_endpoint_async` the
    folder `s3_folder` stands for S3, with `s3://BUCKET/KEY` as `FOLDER/BUCKET/KEY`: inputs are read
    from it, results and failures are written under `output_location` and `failure_location` in it.
    It is a temporary folder unless given, removed when the endpoint stops; `s3_path` finds a file
    in it.

    Every call's SigV4 signature is verified, body included, for `region` and against `credentials`
    (random ones unless given), those of further `callers`, and what `lookup`, a callable, returns
    for an access key id: `Credentials`, a `Caller` or None. `verify_signatures=False` accepts every
    call; it warns, and it is refused for any `host` but loopback.

    `host` and `port` say where to listen; port 0 takes a free one. `model_timeout` is how many
    seconds a model has for its answer (for an iterator: for each part), `stream_timeout` for a
    whole response stream. `max_body_bytes` is the largest body, of a request or of an answer that
    comes whole. `ping_seconds` is the time between two pings of a container: one that misses two,
    or refuses a connection, is left out until its next good one. Where none is left, calls get
    `ModelNotReadyException` before the first has been well, `ServiceUnavailable` after that. With 0
    there are no pings, and all count as well.

    >>> import sagewire
    >>> from sagewire.local import LocalEndpoint
    >>> with LocalEndpoint({"upper": lambda request: request.body.upper()}) as local:
    ...     client = sagewire.client(**local.client_arguments)
    ...     client.invoke_endpoint(EndpointName="upper", Body=b"hello")["Body"].read()
    b'HELLO'

    `fail_with`, `delay`, `drop_connection` and `let_pass` script what the next calls suffer.

    It is a context manager; `start` and `stop` do the same without one. It is used once: stopped,
    it cannot be started again. A process forked from this one does not own the server: there,
    `stop` does nothing.

    Raises `InvalidArgumentError` for a name, URL, weight, region, location, port, time-out or limit
    that cannot be, `TypeError` for a value of another type, `OSError` where it cannot listen.
    """

    def __init__(
        self,
        endpoints: "Mapping[str, Target | Mapping[str, Target | Variant]]",
        *,
        region: str = "us-east-1",
        credentials: "Credentials | None" = None,
        callers: "Iterable[Caller]" = (),
        lookup: "Lookup | None" = None,
        verify_signatures: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        model_timeout: float = MODEL_TIMEOUT_SECONDS,
        stream_timeout: float = STREAM_TIMEOUT_SECONDS,
        max_body_bytes: int = MAX_BODY_BYTES,
        ping_seconds: float = PING_SECONDS,
        s3_folder: "str | os.PathLike[str] | None" = None,
        output_location: str = "s3://sagewire-local/output",
        failure_location: str = "s3://sagewire-local/failure",
    ) -> None:
        if not hasattr(endpoints, "items"):
            raise TypeError(f"endpoints must be a mapping, not {type(endpoints).__name__}")
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._endpoints: dict[str, list[Wired]] = {}
        for name, value in endpoints.items():
            arguments.name("endpoints", "an endpoint", name)
            self._endpoints[name], handlers = variants_of(name, value)
            self._handlers.update({(name, variant): each for variant, each in handlers.items()})
        self._region = arguments.region(region)
        self._credentials = arguments.credentials(credentials)
        self._callers = arguments.callers(self._credentials, callers)
        self._lookup = arguments.optional_callable("lookup", lookup)
        self._host = arguments.host(host)
        self._verifies = arguments.verify_signatures(self._host, verify_signatures)
        self._port = arguments.integer("port", port, 0, 65_535)
        self._model_timeout = arguments.seconds("model_timeout", model_timeout)
        self._stream_timeout = arguments.seconds("stream_timeout", stream_timeout)
        self._max_body_bytes = arguments.integer("max_body_bytes", max_body_bytes, 0, 2**31 - 1)
        self._ping_seconds = arguments.seconds("ping_seconds", ping_seconds, or_none=True)
        self._output = "s3://{}/{}".format(*storage.split(output_location, "output_location"))
        self._failure = "s3://{}/{}".format(*storage.split(failure_location, "failure_location"))
        self._storage = storage.Storage(s3_folder)
        self._server: FrontDoor | None = None
        self._stop: weakref.finalize[..., LocalEndpoint] | None = None

    @property
    def url(self) -> str:
        """The URL to give to a client as its `endpoint_url`."""
        if self._server is None:
            raise RuntimeError(arguments.NOT_STARTED)
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

    @property
    def client_arguments(self) -> "dict[str, str | None]":
        """The keyword arguments that make a client of this endpoint, sagewire's or boto3's."""
        return {
            "region_name": self._region,
            "endpoint_url": self.url,
            "aws_access_key_id": self._credentials.access_key_id,
            "aws_secret_access_key": self._credentials.secret_access_key,
            "aws_session_token": self._credentials.token,
        }

    @property
    def environment(self) -> "dict[str, str]":
        """The environment variables that make AWS's SDKs and its CLI call this endpoint."""
        variables = {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.url,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ACCESS_KEY_ID": self._credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._credentials.secret_access_key,
        }
        if self._credentials.token is not None:
            variables["AWS_SESSION_TOKEN"] = self._credentials.token
        return variables

    @property
    def s3_folder(self) -> "pathlib.Path":
        """The folder that stands for S3."""
        import pathlib

        return pathlib.Path(self._storage.folder)

    def s3_path(self, location: str) -> "pathlib.Path":
        """Return the file that stands for an object, `s3://BUCKET/KEY`, whether it exists or not.

        Raises `InvalidArgumentError` for a location that no file can stand for.
        """
        return self._storage.path(location)

    def start(self) -> "LocalEndpoint":
        """Listen and answer until `stop`, the process's end, or the last reference is gone."""
        if self._server is not None:
            raise RuntimeError("a local endpoint is started once; make another one")
        from sagewire import _impl

        known = None
        if self._verifies:
            known = [(one.credentials.access_key_id, *wired(one)) for one in self._callers]
        queue = (None, self._storage.folder, self._output, self._failure, ASYNC_WORKERS)
        try:
            server = _impl.server.FrontDoor(
                self._endpoints,
                self._host,
                self._port,
                self._region,
                known,
                self._lookup is not None,
                self._model_timeout,
                self._stream_timeout,
                SESSION_SECONDS,
                self._max_body_bytes,
                queue,
                self._ping_seconds,
            )
        except OSError as error:
            self._storage.close()
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f"cannot listen on {self._host}:{self._port}: {reason}"
            raise OSError(error.errno, where) from None
        workers = Workers(server, self._handlers)
        if self._handlers:
            workers.start()
        if self._lookup is not None:
            start_lookups(server, self._lookup)
        self._server = server
        self._stop = weakref.finalize(self, _stop, server, workers, self._storage, os.getpid())
        return self

    def stop(self) -> None:
        """Stop within a second. Calls in flight have 0.4 s to end; then their connections are cut.

        A handler that still runs then cannot be stopped: its thread ends when it returns, and
        nobody gets its answer. Asynchronous invocations that were not done are dropped. Stopping
        twice does nothing more.
        """
        if self._stop is not None:
            self._stop()

    def __enter__(self) -> "LocalEndpoint":  # noqa: PYI034 - Self is newer than Python 3.10
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        if self._stop is None:
            return f"<LocalEndpoint {list(self._endpoints)} not started>"
        state = "running" if self._stop.alive else "stopped"
        return f"<LocalEndpoint {list(self._endpoints)} at {self.url}, {state}>"


def _stop(server: "FrontDoor", workers: Workers, objects: storage.Storage, owner: int) -> None:
    if os.getpid() == owner:
        server.stop(GRACE_SECONDS)
        workers.join(0.1)
        objects.close()
