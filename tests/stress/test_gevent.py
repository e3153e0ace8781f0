"""gevent, as docs/network.md says it: a waiting call lets other greenlets run."""

import pytest

import sagewire
from tests.stress.conftest import run

pytest.importorskip("gevent")

# Six calls of 0.3 seconds each take 1.8 one after another; under gevent, hardly more than one.
GREENLETS = """
start = time.monotonic()
jobs = [gevent.spawn(job, b"%d" % number) for number in range(6)]
ticks = 0
while not all(job.ready() for job in jobs):
    gevent.sleep(0.01)
    ticks += 1
print(time.monotonic() - start, ticks)
assert [job.get() for job in jobs] == [b"%d" % number for number in range(6)]
"""


def finished(printed):
    seconds, ticks = printed.split()
    assert float(seconds) < 1.5, "the calls have waited for each other"
    assert int(ticks) > 5, "nothing else could run meanwhile"


@pytest.mark.skipif(sagewire.implementation != "pure", reason="the pure sockets are patched")
def test_the_pure_implementation_under_monkey_patching(slow_echo):
    jobs = """
client = made(url)
call(client)
job = functools.partial(call, client)
"""
    first = "from gevent import monkey; monkey.patch_all()\nimport functools, gevent\n"
    finished(run(jobs + GREENLETS, slow_echo, first=first))


def test_the_thread_pool_of_gevent(slow_echo):
    jobs = """
client = made(url)
call(client)
def job(body):
    return gevent.get_hub().threadpool.apply(call, (client, body))
"""
    finished(run(jobs + GREENLETS, slow_echo, first="import gevent\n"))
