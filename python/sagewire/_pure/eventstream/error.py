"""What cannot be written as a message. Twin: rust/core/src/eventstream/error.rs."""

from sagewire.exceptions import InvalidArgumentError


def unwritable_headers(problem: str, allowed: str) -> InvalidArgumentError:
    return InvalidArgumentError(argument="headers", problem=problem, allowed=allowed)


def unwritable_payload(length: int) -> InvalidArgumentError:
    return InvalidArgumentError(
        argument="payload", problem=f"it has {length} bytes", allowed="at most 25165824 bytes"
    )
