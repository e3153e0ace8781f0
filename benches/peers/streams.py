"""Response streams: what one small part costs, beside boto3."""

import subprocess
import sys

from benches.peers.contestants import STREAMS
from benches.peers.measure import ROOT, Figure, in_turn, pinned
from benches.peers.streamer import PARTS


def run() -> dict[str, Figure]:
    """Return microseconds for one part of a stream."""
    command = [*pinned(1), sys.executable, "-m", "benches.peers.streamer"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        port = int(server.stdout.readline() if server.stdout else 0)
        figures = in_turn("STREAMS", STREAMS, port)
    finally:
        server.kill()
        server.wait()
    return {name: Figure(each.cpu / PARTS, each.wall / PARTS) for name, each in figures.items()}
