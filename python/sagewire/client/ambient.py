"""What a call takes from the world besides its socket: the time, sleep, chance.

Everything below the client gets these as arguments. Tests freeze them by putting other functions
into a client's `_ambient`.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def uniform() -> float:
    """Return a random number in [0, 1)."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)


# Made by the score: asking the system for every single one would cost as much as a tenth of a call.
_IDS_AT_ONCE = 64
_ids: "list[str]" = []
# The longest that a signal goes unnoticed, as where a call waits for its peer.
_SLICE_SECONDS = 0.05
# A child of a fork would otherwise hand out its parent's.
os.register_at_fork(after_in_child=_ids.clear)


def new_id() -> str:
    """Return a random UUID, version 4 of RFC 9562, as text.

    >>> len(new_id()), new_id()[14]
    (36, '4')
    """
    try:
        return _ids.pop()
    except IndexError:  # the first call, or another thread took the last one
        from sagewire._impl import transport

        made = transport.identities(os.urandom(16 * _IDS_AT_ONCE))
        _ids.extend(made[1:])
        return made[0]


def sleep(seconds: float) -> None:
    """Sleep, in slices: a signal just before a sleep goes unnoticed until the sleep is over."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE_SECONDS))


async def slept(seconds: float) -> None:
    """Sleep as a task of the running loop."""
    import asyncio

    await asyncio.sleep(seconds)


class Ambient:
    """The functions a client asks.

    `now` (seconds since 1970), `monotonic` (seconds since whenever), `sleep` (between attempts),
    `hold` (before one, for the client's own rate), `pause` and `stay` (the two, awaited),
    `uniform`, `new_id`. So many seconds as `offset` says the service's clock is ahead of ours, as
    far as its refusals have told. `on_change` is told when any of these is replaced.
    """

    __slots__ = (
        "hold",
        "monotonic",
        "new_id",
        "now",
        "offset",
        "on_change",
        "pause",
        "sleep",
        "stay",
        "uniform",
    )

    on_change: "Callable[[], object]"

    def __init__(self, on_change: "Callable[[], object]" = int) -> None:
        object.__setattr__(self, "on_change", on_change)
        self.offset = 0.0
        self.now: Callable[[], float] = time.time
        self.monotonic: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], None] = sleep
        self.hold: Callable[[float], None] = sleep
        self.pause: Callable[[float], Awaitable[None]] = slept
        self.stay: Callable[[float], Awaitable[None]] = slept
        self.uniform: Callable[[], float] = uniform
        self.new_id: Callable[[], str] = new_id

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        self.on_change()

    def service_time(self) -> float:
        """Return the time by the service's clock, in seconds since 1970."""
        return self.now() + self.offset

    @property
    def clock(self) -> "Callable[[], float]":
        """What says the time to sign for; ours, while nobody has objected to it."""
        return self.service_time if self.offset else self.now
