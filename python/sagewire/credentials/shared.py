"""Sources that ask somebody are shared: clients of the same configuration have one between them.

boto3's default session does the same for all clients of a process. Here the configuration decides:
another environment, other files or another profile are another source.
"""

import os

from sagewire.credentials.locks import ForkSafeLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.sources import Source

# More configurations than a process has at a time; the oldest gives way.
_MOST = 16
_slots: "dict[Any, _Slot]" = {}


class _Slot:
    """The place of one configuration's source; its lock is held while that is looked for."""

    __slots__ = ("lock", "source")

    def __init__(self) -> None:
        self.lock = ForkSafeLock()
        self.source: Source | None = None


def source(context: "Context", kind: str, load: "Callable[[], Source | None]") -> "Source | None":
    """Return the source of this kind and configuration, made by `load` if there is none yet.

    One thread loads and the others wait for it: a metadata service is asked once.
    """
    if context.environ is not os.environ:
        return load()
    slot = _slots.setdefault((kind, *_configuration(context)), _Slot())
    with slot.lock.own():
        if slot.source is None:
            slot.source = load()
        found = slot.source
    while len(_slots) > _MOST:
        _slots.pop(next(iter(_slots)), None)
    return found


def forget() -> None:
    """Forget all sources; clients that have one keep it."""
    _slots.clear()


def _configuration(context: "Context") -> "tuple[Any, ...]":
    """Return what decides which credentials are found."""
    environ, profile = context.environ, context.profile
    variables = sorted(
        (name, value)
        for name, value in environ.items()
        if name.startswith(("AWS_", "BOTO"))
        or name in ("HOME", "REQUESTS_CA_BUNDLE")
        or name.lower().endswith("_proxy")
    )
    files = (
        _state(environ.get("AWS_CONFIG_FILE", "~/.aws/config")),
        _state(environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")),
    )
    return profile.name, profile.named, tuple(variables), files


def _state(path: str) -> "tuple[int, int, int] | None":
    try:
        state = os.stat(os.path.expanduser(os.path.expandvars(path)))  # noqa: PTH111, PTH116
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
