"""The production variants of an endpoint, as a user writes them and as the server takes them."""

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import arguments
from sagewire.local.request import ONLY_VARIANT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from sagewire.local.request import Request
    from sagewire.local.response import Result

    Handler: TypeAlias = Callable[[Request], Result]
    Target: TypeAlias = Handler | str | Sequence[str]
    Address: TypeAlias = tuple[str, int, str]
    # Name, weight, containers or None for a handler.
    Wired: TypeAlias = tuple[str, float, list[Address] | None]

KINDS = "a callable, a container's URL or a list of them"


class Variant:
    """A production variant: who answers, and for which share of the calls.

    `target` is a handler, the URL of a container, or a list of URLs of containers that do the same;
    each call goes to the one with the fewest calls in flight, and to another one if it cannot be
    reached. `weight` is the variant's share of the calls that name no variant, relative to the
    other variants' weights; 0 leaves it to the calls that name it.

    Raises `TypeError` for another target or weight, `InvalidArgumentError` for a weight out of
    range.

    >>> Variant(lambda request: b"ok", weight=9)
    <Variant weight=9.0>
    """

    __slots__ = ("target", "weight")

    def __init__(self, target: "Target", *, weight: float = 1.0) -> None:
        self.target = target
        self.weight = arguments.weight("weight", weight)

    def __repr__(self) -> str:
        return f"<Variant weight={self.weight}>"


def variants_of(
    name: str, value: "Target | Variant | Mapping[str, Target | Variant]"
) -> "tuple[list[Wired], dict[str, Handler]]":
    """Return an endpoint's variants as the server takes them, and the handlers by variant."""
    given = value if hasattr(value, "items") else {ONLY_VARIANT: value}
    if not given:
        raise InvalidArgumentError(
            argument=f"endpoints[{name!r}]",
            problem="an endpoint without variants answers nothing",
            allowed="at least one variant",
        )
    wired: list[Wired] = []
    handlers: dict[str, Handler] = {}
    for variant_name, each in given.items():
        where = f"endpoints[{name!r}]"
        if given is value:
            arguments.name(where, "a variant", variant_name)
            where += f"[{variant_name!r}]"
        variant = each if isinstance(each, Variant) else Variant(each)
        if callable(variant.target):
            handlers[variant_name] = variant.target
        wired.append((variant_name, variant.weight, _addresses(where, variant.target)))
    return wired, handlers


def _addresses(where: str, target: "Target") -> "list[Address] | None":
    if callable(target):
        return None
    if isinstance(target, str):
        return [arguments.container_address(where, target)]
    if not isinstance(target, (list, tuple)):
        raise TypeError(f"{where} must be {KINDS}, not {type(target).__name__}")
    if not target:
        raise InvalidArgumentError(
            argument=where, problem="no container is named", allowed="at least one URL"
        )
    for url in target:
        if not isinstance(url, str):
            raise TypeError(f"{where}: a container's URL must be str, not {type(url).__name__}")
    return [arguments.container_address(where, url) for url in target]
