"""The endpoints, their variants and containers, and the choice among them.

Twin: rust/net/src/server/fleet.rs.
"""

import random

from sagewire._pure.server.container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    # host, port, path
    Address = tuple[str, int, str]


class Variant:
    """A production variant: a Python handler (`containers` is None), or containers."""

    def __init__(self, name: str, weight: float, addresses: "list[Address] | None") -> None:
        self.name = name
        self.weight = weight
        self.containers: list[Container] | None = None
        if addresses is not None:
            self.containers = [Container(*address) for address in addresses]

    @property
    def has_been_well(self) -> bool:
        """Whether one of its containers has ever answered a ping: if not, they still start."""
        return any(container.has_been_well for container in self.containers or ())

    def choose(
        self, tried: "list[Container]", *, session: "str | None", prefix: "str | None"
    ) -> "Container | None":
        """Return the container to ask, as wished, and not one of those that were tried."""
        usable = [container for container in self.containers or () if container not in tried]
        if session is not None:
            # A session has no other place.
            return next((container for container in usable if container.name == session), None)
        usable = [container for container in usable if container.healthy]
        if not usable:
            return None
        if prefix is not None:
            return max(usable, key=lambda container: _affinity(prefix, container.name))
        # Among equals each has the same chance.
        random.shuffle(usable)
        return min(usable, key=lambda container: container.in_flight)


def _affinity(prefix: str, container: str) -> bytes:
    """Return how much a prefix belongs to a container: the container with the most gets it.

    This is rendezvous hashing (Thaler and Ravishankar, 1996), a consistent hashing without a ring:
    when a container comes or goes, only the prefixes that it gains or had move.
    """
    import hashlib

    return hashlib.sha256(f"{prefix}\0{container}".encode()).digest()


class Endpoint:
    """An endpoint that calls can be sent to."""

    def __init__(self, name: str, variants: "list[Variant]") -> None:
        self.name = name
        self.variants = variants

    def named(self, name: str) -> "Variant | None":
        """Return the variant of that name."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def by_weight(self) -> "Variant | None":
        """Return a variant by chance, according to the weights; None if none has any."""
        weighty = [variant for variant in self.variants if variant.weight > 0]
        if len(weighty) < 2:
            return weighty[0] if weighty else None
        weights = [variant.weight for variant in weighty]
        # It spreads load, it keeps no secret.
        return random.choices(weighty, weights)[0]  # noqa: S311

    def close(self) -> None:
        """Drop the connections to containers."""
        for variant in self.variants:
            for container in variant.containers or ():
                container.close()
