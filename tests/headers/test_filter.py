"""`sagewire.headers`: what stays, what goes, what is refused."""

import http.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire.exceptions import InvalidArgumentError
from sagewire.headers import filter_request, filter_response

OPERATIONS = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")
NEVER_PASS = (
    "Authorization",
    "Connection",
    "Cookie",
    "Host",
    "Keep-Alive",
    "Proxy-Authorization",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "X-Amz-Content-SHA256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "x-amzn-RequestId",
    "x-amzn-ErrorType",
    "X-Forwarded-For",
)
ALLOWED = "Latin-1 text without carriage return, line feed and NUL"


def test_order_casing_and_repetition_stay():
    headers = [("ACCEPT", "b"), ("Host", "h"), ("content-type", "a"), ("Accept", "c")]
    kept = [("ACCEPT", "b"), ("content-type", "a"), ("Accept", "c")]
    assert filter_request(headers) == kept


def test_values_pass_untouched():
    headers = [("Accept", "  two  spaces\t"), ("Content-Type", ""), ("accept", "caf\xe9")]
    assert filter_request(headers) == headers


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", NEVER_PASS)
def test_never_passes(name, operation):
    assert filter_request({name: "x"}, operation) == []
    assert filter_response({name: "x"}, operation) == []


def test_a_mapping_an_iterator_and_a_message_are_taken():
    message = http.client.HTTPMessage()
    message["Accept"] = "a"
    message["Accept"] = "b"
    assert filter_request({"Accept": "a"}) == [("Accept", "a")]
    assert filter_request(iter([["Accept", "a"]])) == [("Accept", "a")]
    assert filter_request(message) == [("Accept", "a"), ("Accept", "b")]


def test_the_answer_of_each_direction_is_its_own():
    assert filter_request({"x-Amzn-Invoked-Production-Variant": "A"}) == []
    assert filter_response({"Accept": "x"}) == []
    assert filter_response({"x-Amzn-Invoked-Production-Variant": "A"}) != []


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (("Accept", "a\nb"), "header 1 (Accept): the value has a line feed at position 1"),
        (("Accept", "a\r\n"), "header 1 (Accept): the value has a carriage return at position 1"),
        (("Accept", "\0"), "header 1 (Accept): the value has a NUL at position 0"),
        (
            ("Accept", "\xff\u0100"),
            "header 1 (Accept): the value has a character outside Latin-1 at position 1",
        ),
        (
            ("Accept", "a\ud800"),
            "header 1 (Accept): the value has a character outside Latin-1 at position 1",
        ),
        (("Acc\nept", ""), "header 1: the name has a line feed at position 3"),
        (("\U0001f600", "\n"), "header 1: the name has a character outside Latin-1 at position 0"),
        (("", "\n"), "header 1: the value has a line feed at position 0"),
        (("a b", "\n"), "header 1: the value has a line feed at position 0"),
        (("a" * 65, "\n"), "header 1: the value has a line feed at position 0"),
    ],
)
@pytest.mark.parametrize("function", [filter_request, filter_response])
def test_smuggling_is_refused(function, header, problem):
    with pytest.raises(InvalidArgumentError) as raised:
        function([("Host", "x"), header])
    assert str(raised.value) == f"headers: {problem}; allowed: {ALLOWED}"
    assert raised.value.argument == "headers"


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Amz-Security-Token", "Accept"])
def test_a_refusal_never_shows_the_value(name):
    with pytest.raises(InvalidArgumentError) as raised:
        filter_request({name: "s3cret\n"})
    assert "s3cret" not in str(raised.value) + repr(raised.value)
    assert name in str(raised.value)


@pytest.mark.parametrize("operation", ["", "invokeendpoint", "Invoke\nEndpoint", "\ud800"])
def test_unknown_operation(operation):
    for function in (filter_request, filter_response):
        with pytest.raises(InvalidArgumentError) as raised:
            function([], operation)
        assert str(raised.value) == (
            f"operation: {operation!r} is not an operation of SageMaker Runtime; "
            "allowed: InvokeEndpoint, InvokeEndpointAsync, InvokeEndpointWithResponseStream"
        )


PAIRS = "headers must be a mapping or an iterable of (name, value) pairs, not "


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (None, PAIRS + "NoneType"),
        (5, PAIRS + "int"),
        ("ab", PAIRS + "str"),
        (b"ab", PAIRS + "bytes"),
        (["ab"], "headers: item 0 must be a pair of a name and a value"),
        ([("a", "b", "c")], "headers: item 0 must be a pair of a name and a value"),
        ([("a", "b"), None], "headers: item 1 must be a pair of a name and a value"),
        ({b"Accept": "x"}, "headers: the name of header 0 must be str, not bytes"),
        ({"Accept": b"x"}, "headers: the value of header 0 must be str, not bytes"),
        ({"Accept": None}, "headers: the value of header 0 must be str, not NoneType"),
    ],
)
def test_wrong_types(headers, words):
    for function in (filter_request, filter_response):
        with pytest.raises(TypeError) as raised:
            function(headers)
        assert str(raised.value) == words


def test_operation_of_a_wrong_type():
    with pytest.raises(TypeError, match=r"^operation must be str, not int$"):
        filter_request({}, 5)


names = st.sampled_from(
    ["Accept", "CONTENT-TYPE", "x-amzn-sagemaker-custom-attributes", *NEVER_PASS]
)
texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))


@given(st.lists(st.tuples(names | texts, texts)), st.sampled_from(OPERATIONS))
def test_idempotent_and_never_adds(headers, operation):
    for function in (filter_request, filter_response):
        kept = function(headers, operation)
        assert function(kept, operation) == kept
        rest = iter(headers)
        assert all(pair in rest for pair in kept), "kept pairs are a subsequence"
