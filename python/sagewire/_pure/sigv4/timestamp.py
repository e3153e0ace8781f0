"""Points in time as SigV4 writes them. Twin: rust/core/src/sigv4/timestamp.rs."""

import time

from sagewire._pure.sigv4.error import invalid_argument

FIRST = -62_135_596_800  # 0001-01-01T00:00:00Z
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z


def from_epoch(seconds: int) -> str:
    """Return `YYYYMMDDTHHMMSSZ` of a second since 1970."""
    if not FIRST <= seconds <= LAST:
        problem = f"{seconds} seconds since 1970 is out of range"
        raise invalid_argument("at", problem, "a time in the years 1 to 9999")
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"


def parse(text: str) -> "int | None":
    """Return the second since 1970 of a `YYYYMMDDTHHMMSSZ`, or `None` if it is none."""
    digits = text[:8] + text[9:15]
    if len(text) != 16 or text[8] != "T" or text[15] != "Z":
        return None
    if not (digits.isascii() and digits.isdigit()):
        return None
    from datetime import datetime, timedelta, timezone

    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
