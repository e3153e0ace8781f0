"""The types of arguments and results, for editors and type checkers; never imported at run time."""

from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypedDict, TypeVar, overload

from sagewire.client.results import Result
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


_BodyT = TypeVar("_BodyT")
_Default = TypeVar("_Default")
_Texts = Literal["ContentType", "InvokedProductionVariant", "CustomAttributes"]
_Sessions = Literal["NewSessionId", "ClosedSessionId"]
_Locations = Literal["OutputLocation", "FailureLocation"]


# The keys of each dict have types of their own, as those of a `TypedDict`, which could have no
# `attempts` and `timing`.
class _Answer(Result, Generic[_BodyT]):
    """A result with a `Body`."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: Literal["ResponseMetadata"], /) -> ResponseMetadata: ...
        @overload
        def __getitem__(self, key: Literal["Body"], /) -> _BodyT: ...
        @overload
        def __getitem__(self, key: _Texts, /) -> str: ...
        def __getitem__(self, key: Any, /) -> Any: ...

        @overload
        def get(self, key: _Texts, default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: _Texts, default: _Default, /) -> str | _Default: ...
        def get(self, key: Any, default: Any = None, /) -> Any: ...


class _AnswerOfSession(_Answer[_BodyT]):
    """A result of `invoke_endpoint`, which may begin and end sessions."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: Literal["ResponseMetadata"], /) -> ResponseMetadata: ...
        @overload
        def __getitem__(self, key: Literal["Body"], /) -> _BodyT: ...
        @overload
        def __getitem__(self, key: _Texts | _Sessions, /) -> str: ...
        def __getitem__(self, key: Any, /) -> Any: ...

        @overload
        def get(self, key: _Texts | _Sessions, default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: _Texts | _Sessions, default: _Default, /) -> str | _Default: ...
        def get(self, key: Any, default: Any = None, /) -> Any: ...


class InvokeEndpointResult(_AnswerOfSession[StreamingBody]):
    """What `invoke_endpoint` returns."""


class InvokeManyResult(_AnswerOfSession[bytes]):
    """What `invoke_many` yields: `invoke_endpoint`'s result with its body read."""


class AwaitedInvokeEndpointResult(_AnswerOfSession[AsyncStreamingBody]):
    """What the asyncio client's `invoke_endpoint` returns."""


class ResponseStreamResult(_Answer[EventStream]):
    """What `invoke_endpoint_with_response_stream` returns."""


class AwaitedResponseStreamResult(_Answer[AsyncEventStream]):
    """What the asyncio client's `invoke_endpoint_with_response_stream` returns."""


class InvokeEndpointAsyncResult(Result):
    """What `invoke_endpoint_async` returns; `InferenceId` is the JSON value that was sent."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: Literal["ResponseMetadata"], /) -> ResponseMetadata: ...
        @overload
        def __getitem__(self, key: _Locations, /) -> str: ...
        @overload
        def __getitem__(self, key: Literal["InferenceId"], /) -> Any: ...
        def __getitem__(self, key: Any, /) -> Any: ...

        @overload
        def get(self, key: Literal["InferenceId"], default: Any = None, /) -> Any: ...
        @overload
        def get(self, key: _Locations, default: None = None, /) -> str | None: ...
        @overload
        def get(self, key: _Locations, default: _Default, /) -> str | _Default: ...
        def get(self, key: Any, default: Any = None, /) -> Any: ...  # noqa: D102 - as a dict's
