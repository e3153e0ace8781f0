"""Many requests at once: what a million of them cost in memory."""

import itertools
import statistics

import pytest

import sagewire
from tests.stress.conftest import run

# What a request may leave behind. A million of them would leave 31 MiB, and stay under 64 with
# Python and all; one that is kept leaves 2 KiB.
PER_REQUEST_BYTES = 32
ROUND = 5_000 if sagewire.implementation == "native" else 2_000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", ["client", "async_client"])
def test_memory_does_not_grow_with_the_number_of_requests(client, echo):
    """The median of nine rounds: what is left behind is so in each, what is made once is not."""
    printed = run(
        f"""
        import asyncio
        client = sagewire.{client}(
            **KEYS, endpoint_url=url, config=sagewire.Config(proxies={{}}))

        requests = ({{"EndpointName": "e", "Body": b"%1024d" % n}} for n in range({10 * ROUND}))
        results = client.invoke_many(requests, concurrency=16)

        def seen(number, result):
            assert len(result["Body"]) == 1024
            if number % {ROUND} == 0:
                gc.collect()
                with open("/proc/self/statm") as statm:
                    print(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

        async def awaited():
            number = 0
            async for result in results:
                seen(number := number + 1, result)

        if {client == "client"}:
            for number, result in enumerate(results, 1):
                seen(number, result)
        else:
            asyncio.run(awaited())
        """,
        echo,
        timeout=280,
    )
    sizes = [int(line) for line in printed.split()]
    growths = [after - before for before, after in itertools.pairwise(sizes)]
    assert statistics.median(growths) / ROUND < PER_REQUEST_BYTES, sizes
    assert sizes[-1] < 64 * 2**20
