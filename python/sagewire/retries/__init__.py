"""When an attempt is repeated, after how long, and what that costs: boto3's modes, and `safe`.

    failure.py      why an attempt did not succeed
    standard.py     three attempts, short waits, a quota per client that stops storms
    legacy.py       five attempts, longer waits, no quota
    adaptive.py     standard, and a limiter of the client's rate
    safe.py         standard, for what provably never ran
    server_time.py  what an answer's `Date` says

A policy gets times and the random number as arguments and never sleeps: the client does.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from sagewire.retries.legacy import Legacy
    from sagewire.retries.standard import Standard

    Policy: TypeAlias = Standard | Legacy

__all__ = ["policy"]


def policy(mode: str, max_attempts: int, now: float) -> "Policy":
    """Return a new policy, with a quota and a limiter of its own where the mode has them."""
    if mode == "legacy":
        from sagewire.retries.legacy import Legacy

        return Legacy(max_attempts)
    if mode == "adaptive":
        from sagewire.retries.adaptive import Adaptive

        return Adaptive(max_attempts, now)
    if mode == "safe":
        from sagewire.retries.safe import Safe

        return Safe(max_attempts)
    from sagewire.retries.standard import Standard

    return Standard(max_attempts)
