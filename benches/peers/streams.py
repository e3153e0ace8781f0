"""Response streams: what one small part costs, beside boto3."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from benches.peers.contestants import STREAMS
from benches.peers.measure import Figure, in_turn, pinned
from benches.peers.streamer import PARTS
from benches.report import ROOT


@contextlib.contextmanager
def peer() -> Iterator[int]:
    """Give the port of a peer, on the other core, whose every answer is a long stream."""
    command = [*pinned(1), sys.executable, "-m", "benches.peers.streamer"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield int(server.stdout.readline() if server.stdout else 0)
    finally:
        server.kill()
        server.wait()


def run() -> dict[str, Figure]:
    """Return microseconds for one part of a stream."""
    with peer() as port:
        figures = in_turn("STREAMS", STREAMS, port)
    return {name: Figure(each.cpu / PARTS, each.wall / PARTS) for name, each in figures.items()}
