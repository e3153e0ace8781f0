"""The twins of `headers` agree on every input, errors included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure import headers as pure
from sagewire._pure.headers.table import REQUEST, RESPONSE

native = pytest.importorskip("sagewire._native.headers", reason="needs the extension module")

KNOWN = sorted(set().union(*REQUEST.values(), *RESPONSE.values()))
texts = st.text() | st.text("aé\r\n\0\ud800\u0100", max_size=6)
names = texts | st.sampled_from(KNOWN) | st.sampled_from(KNOWN).map(str.title)
operations = st.sampled_from(sorted(REQUEST)) | texts


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error), str(error), vars(error)


@pytest.mark.parametrize("function", ["filter_request", "filter_response"])
@given(headers=st.lists(st.tuples(names, texts), max_size=6), operation=operations)
def test_equal(function, headers, operation):
    expected = outcome(getattr(pure, function), headers, operation)
    assert outcome(getattr(native, function), headers, operation) == expected


def test_same_names():
    assert native.__all__ == pure.__all__
