"""A model's container in a process of its own, as a context manager."""

import contextlib
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).parent / "model_container.py"


@contextlib.contextmanager
def started(port=0):
    """Start a container; it has `.url`, `.kill()` and `.wait()`, and ends with the block."""
    with subprocess.Popen(
        [sys.executable, str(SOURCE), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield process
        process.kill()
