"""`client.meta.events`: handlers by the names of what happens during a call, as boto3 has them.

A name has parts with dots between them, as in `before-sign.sagemaker-runtime.InvokeEndpoint`. A
handler that is registered under the first parts hears of everything below; `*` stands for any part.
https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Handler = Callable[..., Any]
    Pattern = tuple[str, ...]
    Sections = tuple[tuple[Any, ...], ...]

# What boto3 called this service before; events may still be registered so.
_OLD_NAME = ("runtime", "sagemaker")
_NEW_NAME = "sagemaker-runtime"
_FIRST, _OWN, _MIDDLE, _OWN_LAST, _LAST = range(5)
_NOBODY: "Sections" = ((), (), (), (), ())


class Step:
    """What a call does itself when something happens: the name of a method, among the handlers."""

    __slots__ = ("method",)

    def __init__(self, method: str) -> None:
        self.method = method


# Where boto3's own handlers stand, which others may come before and after: under each name between
# `register_first` and `register`, or between `register` and `register_last`.
_OWN_STEPS = (
    ("before-call", Step("add_trace_id"), _OWN),
    ("request-created.sagemaker-runtime", Step("sign"), _OWN),
    ("request-created.sagemaker-runtime", Step("put_user_agent"), _OWN_LAST),
    ("request-created", Step("add_retry_headers"), _OWN),
    ("needs-retry.sagemaker-runtime", Step("wants_retry"), _OWN),
)


class Emitter:
    """The handlers of one client.

    `active` says whether anyone has registered: calls take their short way as long as nobody has.
    Own steps of a call stand among the handlers; `emit` and `emit_until_response` take the object
    whose methods they are.
    """

    __slots__ = ("_called", "_handlers", "_lock", "_unique", "active")

    def __init__(self) -> None:
        self.active = False
        self._handlers: dict[Pattern, Sections] = {}
        # Unique id -> handler, and how often it is registered where that is counted.
        self._unique: dict[Any, tuple[Handler, int | None]] = {}
        self._called: dict[str, tuple[Any, ...]] = {}
        self._lock = allocate_lock()
        for event_name, step, section in _OWN_STEPS:
            self._add(tuple(event_name.split(".")), step, section)

    def register(
        self,
        event_name: str,
        handler: "Handler",
        unique_id: "Any" = None,
        unique_id_uses_count: bool = False,
    ) -> None:
        """Call `handler` whenever `event_name`, or an event below it, happens.

        Handlers get keyword arguments only, `event_name` among them, and are called in the order in
        which they are registered: those of the most specific name first, and under each name those
        of `register_first` before these, and those of `register_last` after them. A handler with a
        `unique_id` is registered once, however often it is given; with `unique_id_uses_count` it
        has to be unregistered as often.

        Raises `ValueError` for a handler that is not callable, is `async`, or takes no keyword
        arguments, or a unique id that is counted once and not the other time.
        """
        self._register(event_name, handler, unique_id, unique_id_uses_count, _MIDDLE)

    def register_first(
        self,
        event_name: str,
        handler: "Handler",
        unique_id: "Any" = None,
        unique_id_uses_count: bool = False,
    ) -> None:
        """As `register`, before the handlers of the same name."""
        self._register(event_name, handler, unique_id, unique_id_uses_count, _FIRST)

    def register_last(
        self,
        event_name: str,
        handler: "Handler",
        unique_id: "Any" = None,
        unique_id_uses_count: bool = False,
    ) -> None:
        """As `register`, after the handlers of the same name."""
        self._register(event_name, handler, unique_id, unique_id_uses_count, _LAST)

    def _register(
        self, event_name: str, handler: "Handler", unique_id: "Any", counted: bool, section: int
    ) -> None:
        _check(handler)
        with self._lock:
            if unique_id is not None:
                known = self._unique.get(unique_id)
                if known is not None:
                    _check_counting(unique_id, counted, known[1])
                    if known[1] is not None:
                        self._unique[unique_id] = (known[0], known[1] + 1)
                    return
                self._unique[unique_id] = (handler, 1 if counted else None)
            self._add(_pattern(event_name), handler, section)
            self.active = True

    def unregister(
        self,
        event_name: str,
        handler: "Handler | None" = None,
        unique_id: "Any" = None,
        unique_id_uses_count: bool = False,
    ) -> None:
        """Undo one registration, by its handler or its unique id; unknown ones are passed over.

        Raises `ValueError` for a unique id that was counted, or not counted, when it was given.
        """
        with self._lock:
            if unique_id is not None:
                known = self._unique.get(unique_id)
                if known is None:
                    return
                _check_counting(unique_id, unique_id_uses_count, known[1])
                if known[1] is not None and known[1] > 1:
                    self._unique[unique_id] = (known[0], known[1] - 1)
                    return
                handler = self._unique.pop(unique_id)[0]
            pattern = _pattern(event_name)
            sections = [list(handlers) for handlers in self._handlers.get(pattern, _NOBODY)]
            for handlers in sections:
                if handler in handlers:
                    handlers.remove(handler)
                    break
            self._handlers[pattern] = tuple(map(tuple, sections))
            self._called = {}

    def emit(
        self, event_name: str, *, own: "Any" = None, **kwargs: "Any"
    ) -> "list[tuple[Handler, Any]]":
        """Call the handlers of an event; return them with what they returned."""
        kwargs["event_name"] = event_name
        return [(handler, handler(**kwargs)) for handler in self._of(event_name, own)]

    def emit_until_response(
        self, event_name: str, *, own: "Any" = None, **kwargs: "Any"
    ) -> "tuple[Handler | None, Any]":
        """As `emit`, up to the first handler that returns something; return the last two."""
        kwargs["event_name"] = event_name
        last: tuple[Handler | None, Any] = (None, None)
        for handler in self._of(event_name, own):
            last = (handler, handler(**kwargs))
            if last[1] is not None:
                break
        return last

    def _add(self, pattern: "Pattern", handler: "Any", section: int) -> None:
        sections = list(self._handlers.get(pattern, _NOBODY))
        sections[section] = (*sections[section], handler)
        self._handlers[pattern] = tuple(sections)
        self._called = {}

    def _of(self, event_name: str, own: "Any") -> "Iterator[Handler]":
        called = self._called
        known = called.get(event_name)
        if known is None:
            patterns = [*_patterns((), _pattern(event_name))]
            known = called[event_name] = tuple(
                handler
                for pattern in reversed(patterns)
                for section in self._handlers.get(pattern, ())
                for handler in section
            )
        for handler in known:
            if not isinstance(handler, Step):
                yield handler
            elif own is not None:
                yield getattr(own, handler.method)

    def __getstate__(self) -> "Any":
        return dict(self._handlers), dict(self._unique), self.active

    def __setstate__(self, state: "Any") -> None:
        # A copy has a lock of its own.
        self.__init__()  # type: ignore[misc]
        self._handlers, self._unique, self.active = state


def first_response(responses: "list[tuple[Any, Any]]") -> "Any":
    """Return the first response of an emission that is not `None`, or `None`.

    >>> first_response([(print, None), (print, 0), (print, 1)])
    0
    """
    return next((response for _, response in responses if response is not None), None)


def _pattern(event_name: str) -> "Pattern":
    parts = tuple(event_name.split("."))
    for start in range(len(parts) - 1):
        if parts[start : start + 2] == _OLD_NAME:
            return (*parts[:start], _NEW_NAME, *parts[start + 2 :])
    return parts


def _patterns(before: "Pattern", parts: "Pattern") -> "Iterator[Pattern]":
    """Yield what an event is called under, from general to specific, `*` after the part itself."""
    yield before
    if parts:
        yield from _patterns((*before, parts[0]), parts[1:])
        yield from _patterns((*before, "*"), parts[1:])


def _check(handler: "Any") -> None:
    if not callable(handler):
        raise ValueError(f"Event handler {handler} must be callable.")  # noqa: TRY004 - boto3's class
    import inspect

    if inspect.iscoroutinefunction(handler):
        # boto3 would take the coroutine for the handler's answer.
        raise ValueError(f"Event handler {handler} must not be async: nobody would await it.")
    try:
        takes_keywords = inspect.getfullargspec(handler).varkw
    except TypeError:
        return  # a callable that says nothing of its arguments
    if takes_keywords is None:
        raise ValueError(f"Event handler {handler} must accept keyword arguments (**kwargs)")


def _check_counting(unique_id: "Any", counted: bool, count: "int | None") -> None:
    if counted != (count is not None):
        with_or_without = "without" if count is None else "with"
        raise ValueError(
            f"unique_id_uses_count: {unique_id} was first registered {with_or_without} a count, "
            "and has to be registered and unregistered so"
        )
