"""`client.meta.events`: whom it calls and in which order, held against botocore's emitter."""

import copy
import pickle
from typing import Any

import pytest
from botocore.hooks import EventAliaser, HierarchicalEmitter
from hypothesis import given
from hypothesis import strategies as st

from sagewire.client.emitter import Emitter

PARTS = ["a", "b", "*", "runtime", "sagemaker", "sagemaker-runtime"]
names = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(".".join)
emitted = st.lists(st.sampled_from([p for p in PARTS if p != "*"]), min_size=1, max_size=4).map(
    ".".join
)
registrations = st.tuples(
    st.sampled_from(["register", "register_first", "register_last", "unregister"]),
    names,
    st.integers(0, 4),
    st.sampled_from([None, None, "id-1", "id-2"]),
    st.booleans(),
)


class Handler:
    """A handler that answers with its number, or not at all."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, **_kwargs: Any) -> int | None:
        return self.number if self.number % 2 else None


HANDLERS = [Handler(number) for number in range(5)]


def apply(emitter: Any, steps: list[Any]) -> list[str]:
    outcomes = []
    for method, name, number, unique_id, counted in steps:
        options = {"unique_id": unique_id, "unique_id_uses_count": counted}
        try:
            getattr(emitter, method)(name, HANDLERS[number], **(options if unique_id else {}))
        except ValueError:
            outcomes.append("refused")
        except AttributeError:
            outcomes.append("")  # botocore stumbles over a name that only longer ones go through
        else:
            outcomes.append("")
    return outcomes


@given(steps=st.lists(registrations, max_size=12), events=st.lists(emitted, max_size=5))
def test_it_calls_whom_botocore_calls_in_that_order(steps: list[Any], events: list[str]) -> None:
    theirs, ours = EventAliaser(HierarchicalEmitter()), Emitter()
    assert apply(ours, steps) == apply(theirs, steps)
    for event in events:
        called = [(handler.number, answer) for handler, answer in theirs.emit(event, x=1)]
        assert [(handler.number, answer) for handler, answer in ours.emit(event, x=1)] == called
        assert ours.emit_until_response(event, x=1) == theirs.emit_until_response(event, x=1)


def test_a_handler_gets_the_events_name_and_arguments() -> None:
    emitter, seen = Emitter(), []
    emitter.register("before-call", lambda **kwargs: seen.append(kwargs))
    emitter.emit("before-call.sagemaker-runtime.InvokeEndpoint", model=1)
    assert seen == [{"model": 1, "event_name": "before-call.sagemaker-runtime.InvokeEndpoint"}]


class Call:
    """Steps of a call itself, as `client/hooked.py` has them."""

    def sign(self, **_kwargs: Any) -> str:
        return "sign"

    def put_user_agent(self, **_kwargs: Any) -> str:
        return "user agent"

    def add_retry_headers(self, **_kwargs: Any) -> str:
        return "retry headers"


def test_own_steps_stand_where_boto3s_handlers_do() -> None:
    emitter = Emitter()
    assert not emitter.active
    places = ["request-created.sagemaker-runtime.InvokeEndpoint", "request-created.*"]
    places += ["request-created.sagemaker-runtime", "request-created"]
    for place in places:
        emitter.register(place, lambda place=place, **_: place)
        emitter.register_first(place, lambda place=place, **_: f"first {place}")
        emitter.register_last(place, lambda place=place, **_: f"last {place}")
    assert emitter.active
    event = "request-created.sagemaker-runtime.InvokeEndpoint"
    operation, wildcard, service, bare = places
    assert [answer for _, answer in emitter.emit(event, own=Call())] == [
        f"first {wildcard}", wildcard, f"last {wildcard}",
        f"first {operation}", operation, f"last {operation}",
        f"first {service}", "sign", service, "user agent", f"last {service}",
        f"first {bare}", "retry headers", bare, f"last {bare}",
    ]  # fmt: skip
    assert len(emitter.emit(event)) == 12  # without a call there are no steps of its own


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (5, "Event handler 5 must be callable."),
        (lambda request: None, r"must accept keyword arguments \(\*\*kwargs\)"),
    ],
)
def test_what_is_no_handler_is_refused_in_boto3s_words(handler: Any, words: str) -> None:
    for emitter in (Emitter(), HierarchicalEmitter()):
        with pytest.raises(ValueError, match=words):
            emitter.register("x", handler)
    Emitter().register("x", dict)  # says nothing of its arguments


def test_a_handler_that_nobody_would_await_is_refused() -> None:
    async def awaited(**_kwargs: Any) -> None:
        pass

    emitter = Emitter()
    with pytest.raises(ValueError, match="must not be async: nobody would await it"):
        emitter.register("x", awaited)
    assert not emitter.active


def test_copies_are_apart_and_pickles_keep_the_handlers() -> None:
    emitter = Emitter()
    emitter.register("x", dict)
    for other in (copy.copy(emitter), pickle.loads(pickle.dumps(emitter))):
        assert other.active
        other.register("x", HANDLERS[1])
        assert [handler for handler, _ in other.emit("x")] == [dict, HANDLERS[1]]
    assert [handler for handler, _ in emitter.emit("x")] == [dict]
