"""The `User-Agent` header, in the grammar of the AWS SDKs.

`sagewire/0.1.0 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython m/E,N,e
cfg/retry-mode#standard [app/<id>] [<user_agent_extra>]`. The letters after `m/` say which features
are in use: retry mode, a custom endpoint, the kind of source of the credentials.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ALLOWED = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%&'*+-.^_`|~,"
)
# `safe` is no mode of the AWS SDKs and has no letter.
_RETRY_MODE_LETTERS = {"legacy": ("D",), "standard": ("E",), "adaptive": ("F",), "safe": ()}
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}


def product() -> str:
    """Return the name and version of this library, as it stands in the header."""
    from sagewire import __version__

    return f"sagewire/{__version__}"


def build(
    *,
    user_agent: "str | None",
    extra: "str | None",
    appid: "str | None",
    retry_mode: str,
    custom_endpoint: bool,
    features: "tuple[str, ...]",
    environ: "Mapping[str, str]",
) -> str:
    """Return the header's value. `user_agent` replaces all but our product and `extra`.

    `features` are the letters for the source of the credentials.
    """
    if user_agent is not None:
        return " ".join([user_agent, product(), *([extra] if extra else [])])
    parts = _platform()
    execution = environ.get("AWS_EXECUTION_ENV")
    if execution:
        parts.append(f"exec-env/{_clean(execution)}")
    letters = [*_RETRY_MODE_LETTERS[retry_mode], *(("N",) if custom_endpoint else ()), *features]
    if letters:
        parts.append(f"m/{','.join(letters)}")
    parts.append(f"cfg/retry-mode#{retry_mode}")
    if appid:
        parts.append(f"app/{_clean(appid, also='#')}")
    if extra:
        parts.append(extra)
    return " ".join(parts)


def plain() -> str:
    """Return the header's value for requests to other services, those that give credentials."""
    return " ".join(_platform())


def _platform() -> "list[str]":
    system = os.uname()
    name = sys.implementation.name
    return [
        product(),
        "ua/2.1",
        f"os/{_clean(system.sysname.lower())}#{_clean(system.release)}",
        f"md/arch#{_clean(system.machine.lower())}",
        f"lang/python#{'.'.join(map(str, sys.version_info[:3]))}",
        f"md/pyimpl#{_clean(_IMPLEMENTATIONS.get(name, name))}",
    ]


def _clean(text: str, also: str = "") -> str:
    return "".join(c if c in _ALLOWED or c in also else "-" for c in text)
