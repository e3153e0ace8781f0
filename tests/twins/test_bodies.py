"""The twins of `bodies` agree on every way of reading, errors included."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure import bodies as pure

native = pytest.importorskip("sagewire._native.bodies", reason="needs the extension module")

lengths = (
    st.none()
    | st.integers(-1, 9)
    | st.integers(0, 9).map(str)
    | st.sampled_from(
        ("", " 3 ", "+3", "0_3", "3, 3", "\u0663", "\ud800", "9" * 40, "03", 3.5, b"3")
    )
)
amounts = (
    st.none()
    | st.just(0)
    | st.integers(-2, 9)
    | st.sampled_from((True, 1.5, -0.5, "2", 2**70, b""))
)
buffers = st.integers(0, 4).map(bytearray) | st.sampled_from((b"ab", None, 3))
steps = st.lists(
    st.tuples(st.just("read"), st.tuples(amounts) | st.just(()))
    | st.tuples(st.just("readinto"), st.tuples(buffers))
    | st.tuples(st.sampled_from(("tell", "close")), st.just(()))
    | st.tuples(st.just("set_socket_timeout"), st.tuples(st.none() | st.floats(0, 9))),
    max_size=5,
)


class Raw(io.BytesIO):
    """A source that can break off, and notes what it is asked for."""

    def __init__(self, data, breaks_at):
        super().__init__(data)
        self.asked = []
        self._breaks_at = breaks_at

    def _note(self, *asked):
        self.asked.append(asked)
        if len(self.asked) == self._breaks_at:
            raise OSError("broken")

    def read(self, *amount):
        self._note("read", *amount)
        return super().read(*amount)

    def readinto(self, buffer):
        self._note("readinto")
        return super().readinto(buffer)

    def close(self):
        self._note("close")
        super().close()

    def set_timeout(self, seconds):
        self._note("set_timeout", seconds)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error), str(error), vars(error)


def outcomes(twin, data, length, breaks_at, several):
    raw = Raw(data, breaks_at)
    body = twin.Body(raw, length)
    went = []
    for name, arguments in several:
        given = [bytearray(one) if type(one) is bytearray else one for one in arguments]
        went.append((outcome(getattr(body, name), *given), given, body._amount_read))
    assert body._raw_stream is raw
    return went, raw.asked, body._content_length


@given(data=st.binary(max_size=6), length=lengths, breaks_at=st.integers(0, 4), several=steps)
def test_equal(data, length, breaks_at, several):
    expected = outcomes(pure, data, length, breaks_at, several)
    assert outcomes(native, data, length, breaks_at, several) == expected


@pytest.mark.parametrize("twin", [pure, native])
def test_a_body_that_is_made_anew_has_read_nothing(twin):
    body = twin.Body(io.BytesIO(b"abcd"), 4)
    assert body.read(3) == b"abc"
    body.__init__(io.BytesIO(b"ef"), "2")
    assert (body.read(), body.tell()) == (b"ef", 2)


@pytest.mark.parametrize("twin", [pure, native])
def test_a_source_that_has_nothing_yet_is_none(twin):
    class Empty:
        def read(self, *_amount):
            return None

    for amount in ((), (3,), (0,)):
        with pytest.raises(TypeError):
            twin.Body(Empty(), 3).read(*amount)


def test_same_names():
    assert native.__all__ == pure.__all__
