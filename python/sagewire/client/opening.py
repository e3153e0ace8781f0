"""What a client and its views share: settings from the start, the rest from the first call on.

boto3 keeps some errors of a client's settings until its first call, and start-up is short because
neither pool nor signer is made before.
"""

from sagewire.client.ambient import Ambient
from sagewire.client.call import Targets
from sagewire.client.outgoing import Outgoing, check_text
from sagewire.config import Config
from sagewire.proxies import route_to
from sagewire.retries import policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.client.settings import Settings
    from sagewire.client.views import Options
    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation
    from sagewire.proxies import ProxyRoute


# One for each set of extra headers and number of attempts.
_BOOKS_KEPT = 64


class Books:
    """The short ways of a client's calls, a book for each kind of view."""

    __slots__ = ("_kept", "changes")

    def __init__(self) -> None:
        self.changes = 0
        self._kept: dict[Any, dict[Operation, Any]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, options: "Options") -> "dict[Operation, Any]":
        """Return where the short ways of the calls of a view stand, until all are forgotten."""
        kind = (options.extra_headers, options.max_attempts)
        book = self._kept.get(kind)
        if book is None:
            if len(self._kept) >= _BOOKS_KEPT:
                self.forget()
                self._kept = {}
            book = self._kept.setdefault(kind, {})
        return book

    def forget(self) -> None:
        """Forget the short ways: something that they were made of has changed."""
        self.changes += 1
        for book in list(self._kept.values()):
            book.clear()


class Core:
    """What a client and its views share.

    `make_sender` makes what sends the calls, of what they share on their way out, the origin and
    the settings. `sender` is `None` before the first call.
    """

    __slots__ = (
        "_make_sender",
        "_opened",
        "_operations",
        "_others",
        "ambient",
        "books",
        "sender",
        "settings",
        "targets",
    )

    def __init__(
        self,
        settings: "Settings",
        operations: "tuple[Operation, ...]",
        make_sender: "Callable[[Outgoing, Origin, Settings], Any]",
    ) -> None:
        self.settings = settings
        self.books = Books()
        # Not a method of the client's own: one that is dropped is to go at once.
        self.ambient = Ambient(self.books.forget)
        self.sender: Any = None
        self._opened: dict[str, Any] = {}
        self.targets: dict[Operation, Targets] = {}
        self._operations = operations
        self._make_sender = make_sender
        self._others: dict[tuple[str, float | None], tuple[Any, ProxyRoute | None]] = {}

    def open(self) -> "Any":
        """Return the sender, made of the settings; raise the error that they have kept."""
        settings = self.settings
        config = settings.config
        if settings.refusal is not None:
            raise settings.refusal
        version = config.signature_version
        origin = settings.origin
        assert origin is not None  # noqa: S101 - else there is a refusal
        proxy = settings.proxy
        forwarded = proxy is not None and not proxy.tunnel
        agent = settings.user_agent()
        if not agent.isascii():
            check_text("User-Agent", agent)
        outgoing = Outgoing(
            origin=origin,
            region=settings.region,
            source=settings.source,
            signature=version if settings.signed else None,
            policy=policy(settings.retry_mode, settings.max_attempts, self.ambient.monotonic()),
            user_agent=agent,
            read_timeout=config.read_timeout,
            ambient=self.ambient,
            proxy_authorization=proxy.authorization if proxy and forwarded else None,
        )
        sender = self._make_sender(outgoing, origin, settings)
        self.targets = {
            operation: Targets(origin, operation, absolute=forwarded)
            for operation in self._operations
        }
        # Two threads may come here together: the first one's sender, with its pool, is everybody's.
        self.sender = self._opened.setdefault("sender", sender)
        return self.sender

    def apart(self, ambient: "Ambient", sender: "Any") -> "Core":
        """Return another core of the same settings, with a sender of its own."""
        import copy

        core = copy.copy(self)
        core.books = Books()
        core.ambient, core.sender = ambient, sender
        ambient.on_change = core.books.forget
        return core

    def way_to(
        self, origin: "Origin", read_timeout: "float | None"
    ) -> "tuple[Any, ProxyRoute | None]":
        """Return a sender, and the proxy, to where and with the time-out that a handler has chosen.

        Nearly always these are the client's own.
        """
        sender = self.sender or self.open()
        settings = self.settings
        assert settings.origin is not None  # noqa: S101 - it is open
        if origin.url == settings.origin.url and read_timeout == settings.config.read_timeout:
            return sender, settings.proxy
        chosen = (origin.url, read_timeout)
        if chosen not in self._others:
            import copy

            config = settings.config.merge(Config(read_timeout=read_timeout))
            other = copy.copy(settings)
            other.config = config
            other.proxy = route_to(origin, config.proxies, config.proxies_config)
            self._others[chosen] = (
                self._make_sender(sender.outgoing, origin, other),
                other.proxy,
            )
        return self._others[chosen]

    def pools(self) -> "list[Any]":
        """Return what has connections: of the client, and of calls that handlers sent elsewhere."""
        senders = (self.sender, *(sender for sender, _ in self._others.values()))
        return [sender.pool for sender in senders if sender is not None]
