"""The report on parameters that do not fit the model, in boto3's words.

Made only after the cheap check of a call has found something odd: a call without a fault never
comes here. Order of the lines: what is missing (model order), what is unknown (the caller's order),
then one finding per parameter (the caller's order).
"""

from sagewire.exceptions import ParamValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.model.shapes import Member, Operation

_BODY_TYPES = "<class 'bytes'>, <class 'bytearray'>, file-like object"


def check(operation: "Operation", parameters: "Mapping[str, Any]") -> None:
    """Raise `ParamValidationError` with one line per finding, if there is any."""
    lines = [
        f'Missing required parameter in input: "{name}"'
        for name in operation.required
        if name not in parameters
    ]
    members = {member.name: member for member in operation.inputs}
    known = ", ".join(members)
    lines += [
        f'Unknown parameter in input: "{name}", must be one of: {known}'
        for name in parameters
        if name not in members
    ]
    for name, value in parameters.items():
        member = members.get(name)
        finding = None if member is None else _finding(member, value)
        if finding:
            lines.append(finding)
    if lines:
        raise ParamValidationError(report="\n".join(lines))


def is_buffer(value: "Any") -> bool:
    """Say whether a value exports memory that can be sent: a `memoryview`, an array of numbers."""
    try:
        with memoryview(value) as view:
            # A number has memory too, and an array of objects has only their addresses.
            return view.ndim > 0 and not {"O", "P"} & set(view.format)
    except (TypeError, ValueError, BufferError):
        return False


def _finding(member: "Member", value: "Any") -> "str | None":
    if member.type == "blob":
        known = isinstance(value, (bytes, bytearray, str)) or hasattr(value, "read")
        if known or is_buffer(value):
            return None
        return _wrong_type(member, value, _BODY_TYPES)
    expected = int if member.type == "integer" else str
    if not isinstance(value, expected):
        return _wrong_type(member, value, str(expected))
    if member.minimum is None:
        return None
    if isinstance(value, str):
        if len(value) < member.minimum:
            return (
                f"Invalid length for parameter {member.name}, value: {len(value)}, "
                f"valid min length: {member.minimum}"
            )
    elif value < member.minimum:
        return (
            f"Invalid value for parameter {member.name}, value: {value}, "
            f"valid min value: {member.minimum}"
        )
    return None


def _wrong_type(member: "Member", value: "Any", valid: str) -> str:
    return (
        f"Invalid type for parameter {member.name}, value: {value}, "
        f"type: {type(value)}, valid types: {valid}"
    )
