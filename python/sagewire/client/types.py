"""The types of arguments and results, for editors and type checkers; never imported at run time."""

from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from sagewire.streams.aio import AsyncEventStream, AsyncStreamingBody
from sagewire.streams.body import StreamingBody
from sagewire.streams.events import EventStream

if TYPE_CHECKING:
    from typing_extensions import Buffer  # typing's own from Python 3.12 on
else:
    Buffer = memoryview


class BinaryFile(Protocol):
    """A file-like body: read from where it stands, twice, hence seekable."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, `b""` at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> Any:
        """Move to a position."""

    def tell(self) -> int:
        """Return the position."""


Body = bytes | bytearray | memoryview | str | BinaryFile | Buffer


class _ResponseMetadataOptional(TypedDict, total=False):
    RequestId: str
    HostId: str
    MaxAttemptsReached: bool


class ResponseMetadata(_ResponseMetadataOptional):
    """About the answer; `HTTPHeaders` has lower-case names."""

    HTTPStatusCode: int
    HTTPHeaders: dict[str, str]
    RetryAttempts: int


class _InvokeEndpointOptional(TypedDict, total=False):
    ContentType: str
    InvokedProductionVariant: str
    CustomAttributes: str
    NewSessionId: str
    ClosedSessionId: str


class InvokeEndpointResult(_InvokeEndpointOptional):
    """What `invoke_endpoint` returns."""

    ResponseMetadata: ResponseMetadata
    Body: StreamingBody


class _InvokeEndpointAsyncOptional(TypedDict, total=False):
    OutputLocation: str
    FailureLocation: str
    InferenceId: Any


class InvokeEndpointAsyncResult(_InvokeEndpointAsyncOptional):
    """What `invoke_endpoint_async` returns; `InferenceId` is the JSON value that was sent."""

    ResponseMetadata: ResponseMetadata


class InvokeManyResult(_InvokeEndpointOptional):
    """What `invoke_many` yields: `invoke_endpoint`'s result with its body read."""

    ResponseMetadata: ResponseMetadata
    Body: bytes


class _ResponseStreamOptional(TypedDict, total=False):
    ContentType: str
    InvokedProductionVariant: str
    CustomAttributes: str


class ResponseStreamResult(_ResponseStreamOptional):
    """What `invoke_endpoint_with_response_stream` returns."""

    ResponseMetadata: ResponseMetadata
    Body: EventStream


class AwaitedInvokeEndpointResult(_InvokeEndpointOptional):
    """What the asyncio client's `invoke_endpoint` returns."""

    ResponseMetadata: ResponseMetadata
    Body: AsyncStreamingBody


class AwaitedResponseStreamResult(_ResponseStreamOptional):
    """What the asyncio client's `invoke_endpoint_with_response_stream` returns."""

    ResponseMetadata: ResponseMetadata
    Body: AsyncEventStream
