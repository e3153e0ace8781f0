"""Which endpoints a caller may reach. Twin: rust/net/src/server/permission.rs."""


def matches(pattern: str, name: str) -> bool:
    """Tell whether `name` is one of what `pattern` means: `*` is any text, `?` any character."""
    import re

    # fnmatch would give brackets a meaning too.
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None
