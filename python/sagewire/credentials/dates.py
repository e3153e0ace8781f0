"""Moments as services and files write them: ISO 8601 in its common forms, and RFC 5322."""

import re
from datetime import datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def parse(text: object) -> datetime:
    """Return an aware `datetime`; one without a zone is in UTC.

    Raises `ValueError` for what is no moment of a calendar.

    >>> parse("2026-01-02T03:04:05Z").timestamp()
    1767323045.0
    """
    if not isinstance(text, str):
        raise ValueError(f"not a date: {type(text).__name__}; expected text")  # noqa: TRY004 - as for text
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return _mail_date(text)
    *numbers, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        return datetime(
            year, month, day, hour, minute, second, microsecond, tzinfo=_zone(zone or "Z")
        )
    except ValueError as error:
        raise ValueError(f"not a date: {text!r} ({error})") from None


def parse_answer(text: object, source: str) -> datetime:
    """Return when credentials end, by the answer of a source of credentials.

    Raises `InvalidCredentialOutputError`, a `ValueError` too, that names the source.
    """
    try:
        return parse(text)
    except ValueError as error:
        from sagewire.credential_exceptions import InvalidCredentialOutputError

        raise InvalidCredentialOutputError(
            provider=source, error_msg=f"the expiration is {error}"
        ) from None


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return timezone.utc
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-offset if text[0] == "-" else offset)


def _mail_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        raise ValueError(
            f"not a date: {text!r}; expected a form such as 2026-01-02T03:04:05Z"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
