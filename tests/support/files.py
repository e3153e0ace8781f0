"""Files that appear when something else is done."""

import time


def wait_for(path, seconds=30):
    """Return the content of a file once it is there."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.01)
    return path.read_bytes()
