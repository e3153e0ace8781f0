"""The one place that chooses between the two implementations; nothing else reads SAGEWIRE_PURE.

`from sagewire._impl import sigv4` gives the chosen twin of a capability: `_native.sigv4` or
`_pure.sigv4`. A missing extension module means pure. One that is there and does not load raises:
a silent fallback would hide a broken wheel and lose all the speed.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Literal

    from sagewire._pure import bodies, eventstream, headers, reactor, server, sigv4, transport

__all__ = [
    "bodies",
    "eventstream",
    "headers",
    "implementation",
    "reactor",
    "server",
    "sigv4",
    "transport",
]

CAPABILITIES = ("bodies", "eventstream", "headers", "reactor", "server", "sigv4", "transport")


def _choose() -> "Literal['native', 'pure']":
    if os.environ.get("SAGEWIRE_PURE", "") not in ("", "0"):
        return "pure"
    try:
        import sagewire._native._ext  # noqa: F401 - whether it loads is the question
    except ModuleNotFoundError as missing:
        if missing.name != "sagewire._native._ext":
            raise
        return "pure"
    return "native"


implementation: "Literal['native', 'pure']" = _choose()


def __getattr__(name: str) -> "ModuleType":
    """Import a capability's twin at first use, so that start-up loads only what it needs."""
    if name not in CAPABILITIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"sagewire._{implementation}.{name}")
    globals()[name] = module
    return module
