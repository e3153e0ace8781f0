"""boto3's `adaptive` mode: `standard`, and a limiter of the client's own rate once it is throttled.

The arithmetic is botocore's: a token bucket whose rate follows a cubic curve from the rate at which
the last throttling came. `tests/client/test_retries.py` holds it equal to botocore's, step by step.
"""

import math
from _thread import allocate_lock

from sagewire.retries.standard import Standard

_SCALE = 0.4
_BETA = 0.7
_SMOOTHING = 0.8
_MIN_RATE = 0.5
# The rate may be so many times the measured one.
_MOST_OVER_MEASURED = 2.0
# The measured rate is that of whole buckets of half a second.
_BUCKETS_A_SECOND = 2.0


class Limiter:
    """A client's own limit on its attempts per second. Off until the first throttling answer.

    It never waits and has no clock: times are arguments, in seconds.
    """

    __slots__ = (
        "_capacity",
        "_count",
        "_enabled",
        "_filled_at",
        "_last_bucket",
        "_last_throttle",
        "_lock",
        "_measured",
        "_rate_at_throttle",
        "_tokens",
        "_zero_point",
        "rate",
    )

    def __init__(self, now: float) -> None:
        self._lock = allocate_lock()
        self._enabled = False
        # The bucket: so many tokens, at most so many, and when they were last counted.
        self._tokens = 0.0
        self._capacity = 1.0
        self._filled_at = now
        self.rate = 1.0
        # The measured rate.
        self._measured = 0.0
        self._count = 0
        self._last_bucket = float(math.floor(now))
        # The curve.
        self._rate_at_throttle = 0.0
        self._zero_point = 0.0
        self._last_throttle = now

    def take(self, now: float) -> float:
        """Take a token and return 0; or return how long to wait before asking again."""
        if not self._enabled:
            return 0.0
        with self._lock:
            self._fill(now)
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self.rate

    def heard(self, now: float, throttled: bool) -> None:
        """Adjust the rate to an attempt that has ended."""
        with self._lock:
            measured = self._measure(now)
            if throttled:
                used = min(measured, self.rate) if self._enabled else measured
                self._rate_at_throttle = used
                self._zero_point = float((used * (1 - _BETA) / _SCALE) ** (1 / 3))
                self._last_throttle = now
                self._enabled = True
                rate = used * _BETA
            else:
                since = now - self._last_throttle - self._zero_point
                rate = _SCALE * since**3 + self._rate_at_throttle
            rate = min(rate, _MOST_OVER_MEASURED * measured)
            # What has been earned so far was earned at the old rate.
            self._fill(now)
            self.rate = max(rate, _MIN_RATE)
            self._capacity = max(rate, 1.0)
            self._tokens = min(self._tokens, self._capacity)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now

    def _measure(self, now: float) -> float:
        bucket = math.floor(now * _BUCKETS_A_SECOND) / _BUCKETS_A_SECOND
        self._count += 1
        if bucket > self._last_bucket:
            current = self._count / (bucket - self._last_bucket)
            self._measured = current * _SMOOTHING + self._measured * (1 - _SMOOTHING)
            self._count = 0
            self._last_bucket = bucket
        return self._measured


class Adaptive(Standard):
    """`Standard` with a `Limiter`."""

    __slots__ = ("limiter",)
    mode = "adaptive"

    def __init__(self, max_attempts: int, now: float) -> None:
        super().__init__(max_attempts)
        self.limiter = Limiter(now)
