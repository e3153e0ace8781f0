"""The clock, the sleep and the chance of everything about credentials, in one replaceable place.

Called through the module (`clock.now()`), so that a test that puts another function here reaches
sources that were made before. Not a client's `Ambient`: a source may have many clients.
"""

import time

now = time.time
sleep = time.sleep


def chance() -> float:
    """Return a random number in [0, 1)."""
    import random

    return random.random()  # noqa: S311 - spreads load, keeps no secret
