"""A lock that a child of a fork never finds locked by a thread that its parent had."""

import os
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType

_generation = 0
_exchanging = allocate_lock()


def _in_child() -> None:
    global _generation, _exchanging  # noqa: PLW0603 - the process's own
    _generation += 1
    _exchanging = allocate_lock()


os.register_at_fork(after_in_child=_in_child)


class ForkSafeLock:
    """Gives this process's lock; in a child of a fork that is a new one."""

    __slots__ = ("_generation", "_lock")

    def __init__(self) -> None:
        self._generation = _generation
        self._lock = allocate_lock()

    def own(self) -> "LockType":
        """Return the lock of this process."""
        if self._generation != _generation:
            with _exchanging:
                if self._generation != _generation:
                    self._lock = allocate_lock()
                    self._generation = _generation
        return self._lock
