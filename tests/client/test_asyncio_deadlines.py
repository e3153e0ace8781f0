"""The deadline of a call counts what it waits for before it begins."""

import asyncio
import time
from typing import Any

import pytest

import sagewire
from tests.client.loops import client_of
from tests.support.peer import Peer, answer

TIMEOUT = 100.0


class HeldUp:
    """A client whose calls wait for a later round, in which so many seconds of its clock go by."""

    def __init__(self, peer: Any) -> None:
        config = sagewire.Config(retries={"total_max_attempts": 1})
        self.client = client_of(peer, config=config)
        self._core = self.client._core
        self._gone_by = 0.0
        self._core.ambient.monotonic = lambda: time.monotonic() + self._gone_by

    async def view(self, way: str) -> Any:
        """Return a view whose next call goes this way, over an idle connection."""
        view = self.client.with_options(timeout=TIMEOUT)
        for caller in [self.client, view] if way == "short" else [self.client]:
            result = await caller.invoke_endpoint(EndpointName="ep", Body=b"answer")
            await result["Body"].read()
        if way == "hooked":
            self.client.meta.events.register("before-call", lambda **_: None)
        await asyncio.sleep(0.01)
        return view

    async def call(self, view: Any, seconds: float) -> Any:
        loop = asyncio.get_running_loop()
        loop.call_soon(self._use_up_the_round)
        call = asyncio.ensure_future(view.invoke_endpoint(EndpointName="ep", Body=b"x"))
        loop.call_soon(self._go_by, seconds)
        return await asyncio.wait_for(call, 20)

    def _use_up_the_round(self) -> None:
        assert self._core.sender.pool_here().pause() is None
        time.sleep(0.001)

    def _go_by(self, seconds: float) -> None:
        self._gone_by += seconds


def answering_some(link: Any) -> None:
    while (request := link.request()) is not None:
        if request.body == b"answer":
            link.send(answer(b"{}"))


@pytest.mark.parametrize("way", ["short", "long", "hooked"])
def test_a_call_that_has_waited_for_all_its_time_is_not_sent(run: Any, way: str) -> None:
    async def main() -> None:
        held_up = HeldUp(peer)
        view = await held_up.view(way)
        peer.requests.clear()
        with pytest.raises(sagewire.exceptions.DeadlineExceededError, match="100"):
            await held_up.call(view, TIMEOUT)
        assert not peer.requests
        await held_up.client.close()

    with Peer(answering_some) as peer:
        run(main)


@pytest.mark.parametrize("way", ["short", "long", "hooked"])
def test_a_call_has_what_its_wait_has_left_of_its_time(run: Any, way: str) -> None:
    async def main() -> None:
        held_up = HeldUp(peer)
        view = await held_up.view(way)
        with pytest.raises(sagewire.exceptions.DeadlineExceededError, match="100") as raised:
            await held_up.call(view, TIMEOUT - 0.3)
        if way != "hooked":  # where signing comes between
            assert raised.value.attempts[0].seconds >= TIMEOUT - 0.3
        await held_up.client.close()

    with Peer(answering_some) as peer:
        run(main)
