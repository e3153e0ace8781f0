"""The extension module, capability by capability. Checked against the built module by stubtest."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Generator, Iterable
from contextvars import Context
from typing import Any, final

from typing_extensions import Self, disjoint_base

__all__ = [
    "Body",
    "Call",
    "Connection",
    "Decoder",
    "EventSigner",
    "FrontDoor",
    "Lines",
    "Lookup",
    "Message",
    "Pool",
    "Proxy",
    "Reactor",
    "ReactorConnection",
    "ReactorResponse",
    "ReactorWait",
    "Reader",
    "Response",
    "Service",
    "Shortcut",
    "Signer",
    "Template",
    "TlsSettings",
    "Verifier",
    "encode_error",
    "encode_exception",
    "encode_part",
    "filter_request",
    "filter_response",
    "identities",
    "sha256_hex",
]

# headers: rust/py/src/headers.rs

def filter_request(headers: list[tuple[str, str]], operation: str) -> list[tuple[str, str]]: ...
def filter_response(headers: list[tuple[str, str]], operation: str) -> list[tuple[str, str]]: ...

# bodies: rust/py/src/bodies.rs

@disjoint_base
class Body:
    def __new__(cls, *_args: Any, **_options: Any) -> Self: ...
    def __init__(self, raw_stream: Any, content_length: str | int | None) -> None: ...
    _raw_stream: Any
    _content_length: Any
    _amount_read: int
    def read(self, amt: int | None = None) -> bytes: ...
    def readinto(self, b: Any) -> int: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...
    def set_socket_timeout(self, timeout: float | None) -> None: ...

# eventstream: rust/py/src/eventstream.rs

@final
class Message:
    @property
    def headers(self) -> dict[str, bool | int | bytes | str]: ...
    @property
    def payload(self) -> bytes: ...

@final
class Decoder:
    def __new__(cls) -> Decoder: ...
    def feed(self, data: bytes) -> list[bytes | Message]: ...
    def check(self) -> None: ...
    def finish(self) -> None: ...

@final
class Lines:
    def __new__(cls) -> Lines: ...
    def feed(self, data: bytes) -> list[bytes]: ...
    def finish(self) -> bytes | None: ...

@final
class Reader:
    def __new__(cls, response: Response) -> Reader: ...
    def read(self) -> list[bytes | Message]: ...
    def close(self) -> None: ...

def encode_part(payload: bytes) -> bytes: ...
def encode_exception(name: str, json: bytes) -> bytes: ...
def encode_error(code: str, message: str) -> bytes: ...

# sigv4: rust/py/src/sigv4.rs

def sha256_hex(data: bytes) -> str: ...

@final
class Signer:
    def __new__(
        cls,
        access_key_id: str,
        secret_access_key: str,
        token: str | None,
        region: str,
        service: str,
        normalize_path: bool,
        double_encode: bool,
        content_sha256_header: bool,
    ) -> Signer: ...
    def sign(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | str, at: int
    ) -> list[tuple[str, str]]: ...
    def authorize(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | str, at: int
    ) -> str: ...
    def canonical_request(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | str, at: int
    ) -> str: ...
    def string_to_sign(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | str, at: int
    ) -> str: ...
    def presign(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | str,
        expires_in: str,
        at: int,
        strict: bool,
    ) -> str: ...
    def presign_stages(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | str,
        expires_in: str,
        at: int,
        strict: bool,
    ) -> tuple[str, str]: ...
    def event_signer(self, seed_signature: str) -> EventSigner: ...

@final
class EventSigner:
    def sign(self, payload: bytes, at: int) -> bytes: ...
    @property
    def prior_signature(self) -> str: ...

@final
class Verifier:
    def __new__(
        cls,
        region: str,
        service: str,
        max_skew: int,
        normalize_path: bool,
        double_encode: bool,
    ) -> Verifier: ...
    def verify(
        self,
        lookup: Callable[[str], tuple[str, str | None, int | None] | None],
        method: bytes,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes | str,
        at: int,
    ) -> tuple[str, list[str], int, str]: ...
    def explain(
        self,
        lookup: Callable[[str], tuple[str, str | None, int | None] | None],
        method: bytes,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes | str,
        at: int,
    ) -> tuple[str, str, str | None]: ...

# server: rust/py/src/server.rs

@final
class FrontDoor:
    def __new__(
        cls,
        endpoints: dict[str, list[tuple[str, float, list[tuple[str, int, str]] | None]]],
        host: str,
        port: int,
        region: str,
        credentials: list[tuple[str, str, str | None, int | None, list[str]]] | None,
        lookup: bool,
        model_timeout: float,
        stream_timeout: float,
        session_seconds: float,
        max_body_bytes: int,
        queue: tuple[str | None, str, str, str, int] | None,
        ping_seconds: float,
    ) -> FrontDoor: ...
    @property
    def port(self) -> int: ...
    def take(self, patience: float) -> Call | None: ...
    def take_lookup(self) -> Lookup | None: ...
    def script(
        self, endpoint_name: str, faults: list[tuple[float, int, str, str, bool]]
    ) -> None: ...
    def stop(self, grace: float) -> None: ...

@final
class Lookup:
    @property
    def access_key_id(self) -> str: ...
    def answer(self, found: tuple[str, str | None, int | None, list[str]] | None) -> None: ...

@final
class Call:
    @property
    def endpoint_name(self) -> str: ...
    @property
    def variant_name(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def gone(self) -> bool: ...
    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def begin(self, status: int, headers: list[tuple[str, str]]) -> None: ...
    def send(self, part: bytes) -> bool: ...
    def finish(self) -> None: ...
    def abort(self, message: str) -> None: ...

# reactor: rust/py/src/reactor.rs

@final
class Reactor:
    def __new__(
        cls,
        event_loop: AbstractEventLoop,
        scheme: str,
        host: str,
        port: int,
        *,
        max_idle: int = 10,
        connect_timeout: float | None = 60.0,
        read_timeout: float | None = 60.0,
        tls: TlsSettings | None = None,
        tcp_keepalive: bool = False,
        proxy: Proxy | None = None,
    ) -> Reactor: ...
    @property
    def event_loop(self) -> AbstractEventLoop: ...
    def start(self) -> None: ...
    def _turn(self) -> None: ...
    def _ring(self) -> None: ...
    def _go_on(self) -> None: ...
    def pause(self) -> Future[bool] | None: ...
    def _come_round(self) -> None: ...
    def take_idle(self, url: str) -> ReactorConnection | None: ...
    def attempt(
        self,
        connection: ReactorConnection | None,
        template: Template,
        signer: Signer | None,
        at: float,
        url: str,
        target: str,
        members: list[tuple[str, str]],
        payload: bytes | str,
        body: bytes,
        trace_id: str | None,
        identity: str,
        progress: str,
        deadline: tuple[float, float] | None,
    ) -> ReactorWait | None: ...
    def call(
        self,
        shortcut: Shortcut,
        parameters: dict[str, Any],
        timeout: float | None,
        waited: float = 0.0,
    ) -> ReactorWait | None: ...
    def dial(
        self,
        addresses: list[tuple[str, int] | tuple[str, int, int, int]],
        looked_up: float,
        url: str,
        deadline: tuple[float, float] | None,
    ) -> ReactorConnection: ...
    def close(self) -> bool: ...
    def retire(self) -> bool: ...
    def abandon(self) -> None: ...
    def snapshot(self) -> tuple[int, int, int, int]: ...

@final
class ReactorConnection:
    @property
    def reused(self) -> bool: ...
    def connected(self) -> ReactorWait: ...
    def exchange(
        self, head: bytes, body: bytes, deadline: tuple[float, float] | None
    ) -> ReactorWait: ...
    def begin(
        self, head: bytes, chunked: bool, deadline: tuple[float, float] | None
    ) -> ReactorWait: ...
    def send_piece(self, piece: bytes) -> ReactorWait: ...
    def finish(self) -> ReactorWait: ...
    def close(self) -> None: ...

@final
class ReactorResponse:
    @property
    def status(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def headers(self) -> dict[str, str]: ...
    def read_now(self, amount: int | None = None) -> bytes | None: ...
    def read(self, amount: int | None = None, goes_on: bool = False) -> ReactorWait: ...
    def read_some(self) -> ReactorWait: ...
    def timing(self) -> tuple[float, float, float, float, float, float]: ...
    def set_timeout(self, seconds: float | None) -> None: ...
    def close(self) -> None: ...
    def abandon(self) -> None: ...

@final
class ReactorWait:
    _asyncio_future_blocking: bool
    def __await__(self) -> Generator[Any, None, Any]: ...
    def __iter__(self) -> ReactorWait: ...
    def __next__(self) -> ReactorWait: ...
    def get_loop(self) -> AbstractEventLoop: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> Any: ...
    def exception(self) -> BaseException | None: ...
    def add_done_callback(
        self, callback: Callable[[ReactorWait], object], *, context: Context | None = None
    ) -> None: ...
    def remove_done_callback(self, callback: Callable[[ReactorWait], object]) -> int: ...
    def cancel(self, msg: Any = None) -> bool: ...
    def close(self) -> None: ...

# serve, native only: rust/py/src/serve.rs

@final
class Service:
    def __new__(cls, text: str, environment: Callable[[str], str | None]) -> Service: ...
    @staticmethod
    def check(text: str, environment: Callable[[str], str | None]) -> None: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def admin_port(self) -> int | None: ...
    @property
    def secure(self) -> bool: ...
    @property
    def needs_signature(self) -> bool: ...
    @property
    def credentials_from(self) -> str | None: ...
    def take_lookup(self) -> Lookup | None: ...
    def reload(self, text: str, environment: Callable[[str], str | None]) -> None: ...
    def stop(self) -> None: ...

# transport: rust/py/src/transport.rs

@final
class TlsSettings:
    def __new__(
        cls,
        verify: bool,
        ca_bundle: str | None,
        client_cert: str | None,
        client_key: str | None,
    ) -> TlsSettings: ...
    def load(self) -> None: ...
    @property
    def verify(self) -> bool: ...
    @property
    def ca_bundle(self) -> str | None: ...
    @property
    def client_cert(self) -> str | None: ...
    @property
    def client_key(self) -> str | None: ...

@final
class Proxy:
    def __new__(
        cls,
        url: str,
        host: str,
        port: int,
        tunnel: bool,
        authorization: str | None,
        tls: TlsSettings | None,
    ) -> Proxy: ...
    @property
    def url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def tunnel(self) -> bool: ...

@final
class Pool:
    def __new__(
        cls,
        scheme: str,
        host: str,
        port: int,
        *,
        max_idle: int = 10,
        connect_timeout: float | None = 60.0,
        read_timeout: float | None = 60.0,
        tls: TlsSettings | None = None,
        tcp_keepalive: bool = False,
        proxy: Proxy | None = None,
    ) -> Pool: ...
    def take(self, url: str, timeout: float | None) -> Connection: ...
    def group(self, room: int) -> Pool: ...
    def end(self) -> None: ...
    def close(self) -> None: ...
    def snapshot(self) -> tuple[int, int, int, int]: ...

@final
class Connection:
    @property
    def reused(self) -> bool: ...
    def exchange(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes | bytearray | memoryview | Iterable[bytes] | None,
        timeout: float | None,
    ) -> Response: ...
    def close(self) -> None: ...

def identities(random: bytes) -> list[str]: ...

@final
class Template:
    def __new__(
        cls,
        host: str,
        user_agent: str,
        extra: list[tuple[str, str]],
        proxy_authorization: str | None = None,
    ) -> Template: ...
    def head(
        self,
        signer: Signer | None,
        at: int,
        url: str,
        target: str,
        members: list[tuple[str, str]],
        payload: bytes | str,
        length: int | None,
        trace_id: str | None,
        identity: str,
        progress: str,
    ) -> bytes: ...
    def attempt(
        self,
        pool: Pool,
        signer: Signer | None,
        clock: Callable[[], float],
        url: str,
        target: str,
        members: list[tuple[str, str]],
        payload: bytes | str,
        body: bytes | bytearray | memoryview | Iterable[bytes] | None,
        length: int | None,
        trace_id: str | None,
        identity: str,
        progress: str,
        deadline: tuple[float, float] | None,
    ) -> Response: ...

@final
class Shortcut:
    def __new__(
        cls,
        template: Template,
        pool: Pool | None,
        signer: Signer | None,
        until: float,
        progress: str,
        largest: int,
        targets: dict[str, tuple[str, str]],
        headers: dict[str, str],
        nonempty: frozenset[str],
        now: Callable[[], float] | None,
        new_id: Callable[[], str] | None,
        describe: Callable[
            [int, dict[str, str]],
            tuple[dict[str, Any], list[tuple[str, str]], dict[str, Any], list[tuple[str, str]]],
        ],
        result: Callable[[dict[str, Any]], Any],
        make_body: Callable[[Any, str | None], Any],
    ) -> Shortcut: ...
    def is_over(self) -> bool: ...
    def invoke(self, parameters: dict[str, Any], timeout: float | None) -> Any: ...

@final
class Response:
    @property
    def status(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def headers(self) -> dict[str, str]: ...
    def read(self, amount: int | None = None) -> bytes: ...
    def readinto(self, buffer: bytearray | memoryview) -> int: ...
    def set_timeout(self, seconds: float | None) -> None: ...
    def timing(self) -> tuple[float, float, float, float, float, float]: ...
    def close(self) -> None: ...
