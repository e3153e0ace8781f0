"""What makes an exception of ours one of botocore's too, where botocore has been imported."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_bridges: "dict[type[BaseException], type[BaseException]]" = {}


def _bridged(cls: "type[BaseException]") -> "type[BaseException]":
    """Return the subclass of `cls` that is botocore's class too, if botocore has been imported."""
    if getattr(cls, "_counterpart", "") not in sys.modules:
        return cls
    known = _bridges.get(cls)
    if known is None:
        known = _bridges[cls] = _make_bridge(cls)
    return known


def _make_bridge(cls: "type[BaseException]") -> "type[BaseException]":
    root = [base for base in cls.__mro__ if "_counterpart" in vars(base)][-2]  # before Bridge
    for ancestor in cls.__mro__:
        home = sys.modules.get(getattr(ancestor, "_counterpart", ""))
        counterpart = getattr(home, ancestor.__name__, None)
        if not isinstance(counterpart, type) or not issubclass(counterpart, BaseException):
            continue
        # The service's ValidationError and botocore's own have only their name in common.
        if issubclass(counterpart, getattr(home, root.__name__, object)):
            if issubclass(cls, counterpart):
                return cls
            body = {"__module__": cls.__module__, "__doc__": cls.__doc__, "_public": cls}
            return type(cls.__name__, (cls, counterpart), body)
    return cls


def rebuild(cls: "Callable[..., Any]", kwargs: "dict[str, Any]") -> "Any":
    """Unpickle an exception that is made from keyword arguments."""
    return cls(**kwargs)


class Bridge:
    """A base of an exception whose instances are instances of botocore's class of the same name.

    `_counterpart` is the module of botocore's class; `_public` is ours, on a class that is both.
    """

    _counterpart = ""
    _public: "type[Any] | None" = None

    def __new__(cls, *_args: "Any", **_kwargs: "Any") -> "Any":
        """Make an instance of the class that is both, if there is one."""
        target = _bridged(cls)  # type: ignore[arg-type]
        # OSError's own __new__ would parse the arguments; it is asked for a bare instance instead.
        maker = OSError if issubclass(target, OSError) else Exception
        return maker.__new__(target)
