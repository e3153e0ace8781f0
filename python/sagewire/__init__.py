"""Amazon SageMaker Runtime, near the speed of the socket. Public names, nothing else."""

# Bound here at once: the package of the same name would otherwise take the function's place when it
# is imported.
from sagewire._impl import implementation
from sagewire.client.factory import async_client, client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.client.aio import AsyncSageMakerRuntime
    from sagewire.client.sync import SageMakerRuntime
    from sagewire.config import UNSIGNED, Config
    from sagewire.streams.aio import AsyncEventStream, AsyncStreamingBody
    from sagewire.streams.body import StreamingBody
    from sagewire.streams.events import EventStream

__version__ = "0.1.0"

__all__ = [
    "UNSIGNED",
    "AsyncEventStream",
    "AsyncSageMakerRuntime",
    "AsyncStreamingBody",
    "Config",
    "EventStream",
    "SageMakerRuntime",
    "StreamingBody",
    "__version__",
    "async_client",
    "client",
    "implementation",
]

# Name -> the module it is loaded from at first use.
_HOMES = {
    "AsyncEventStream": "sagewire.streams.aio",
    "AsyncSageMakerRuntime": "sagewire.client.aio",
    "AsyncStreamingBody": "sagewire.streams.aio",
    "Config": "sagewire.config",
    "EventStream": "sagewire.streams.events",
    "SageMakerRuntime": "sagewire.client.sync",
    "StreamingBody": "sagewire.streams.body",
    "UNSIGNED": "sagewire.config",
}
_MODULES = ("auth", "exceptions", "headers", "local", "sigv4")


def __getattr__(name: str) -> object:
    import importlib

    if name in _HOMES:
        value: object = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"sagewire.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__, *_MODULES})
