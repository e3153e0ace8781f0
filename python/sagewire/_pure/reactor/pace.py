"""How much is done in one round of the loop. Twins: rust/py/src/reactor/pace.rs, and its turns.

Each task by itself does little between two waits. A hundred of them would do it in one round of the
loop, and one that never has to wait would never let go: once a round has had its time, those that
come wait for a later one.
"""

import asyncio
from collections import deque
from time import perf_counter

# The longest that the loop is kept from its other work, but for the last thing that is done.
TURN_SECONDS = 0.0005
# How many are let in at once. Those whose turn does not come in that round wait once more.
_LET_IN = 12


class Pace:
    """What has been done in this round of the loop, and who waits for a later one."""

    __slots__ = ("_loop", "_since", "_waiting", "_will_come_round")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # When this round's first work began.
        self._since: float | None = None
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._will_come_round = False

    def pause(self) -> "asyncio.Future[bool] | None":
        """Return what to await before going on; `None` if there is time for it in this round.

        It gives whether to go on then: here this is to be asked again.

        The first one of a round has time, however late it is: nobody waits for ever.
        """
        now = perf_counter()
        since = self._since
        self._see_to_coming_round()
        if since is None:
            self._since = now
            return None
        if now - since < TURN_SECONDS:
            return None
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def _come_round(self) -> None:
        """Let some of those in that wait: the time that each takes decides how many go on."""
        self._will_come_round = False
        self._since = None
        waiting = self._waiting
        if waiting:
            # Before those that are let in now: their time begins with the first of them, and not
            # with what has begun ahead of other work.
            self._see_to_coming_round()
        for _ in range(min(len(waiting), _LET_IN)):
            let_in = waiting.popleft()
            if not let_in.done():  # else it has been cancelled
                let_in.set_result(False)

    def _see_to_coming_round(self) -> None:
        if not self._will_come_round:
            self._will_come_round = True
            self._loop.call_soon(self._come_round)
