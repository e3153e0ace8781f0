"""The twins of `transport.Template` write the same heads, and refuse the same in the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire._pure import sigv4 as pure_sigv4
from sagewire._pure import transport as pure

native = pytest.importorskip("sagewire._native.transport", reason="needs the extension module")
native_sigv4 = pytest.importorskip("sagewire._native.sigv4")

AT = 1767323045  # 2026-01-02T03:04:05Z
KEYS = ("AKIDEXAMPLE", "secret", "to ken", "us-east-1", "sagemaker")

texts = st.text("aZ0%/.?#:, \t\r\n\0\x7f\x85\xa0\u3000é\ud800\U0001f600", max_size=10) | st.text(
    max_size=10
)
names = st.sampled_from(
    (
        *("Accept", "accept", "X-A", "x-a", "Host", "Authorization", "x-amz-date", "User-Agent"),
        *("a:b", "Accept-Encoding", "X-Amz-Content-SHA256", "", "Content-Type"),
    )
)
pairs = st.lists(st.tuples(names, st.just("value") | texts), max_size=4)


def outcome(twin, sigv4, extra, user_agent, proxy, signed, options, arguments):
    try:
        template = twin.Template("h.test:8080", user_agent, extra, proxy)
        signer = sigv4.Signer(*KEYS, *options) if signed else None
        return template.head(signer, AT, *arguments)
    except Exception as error:
        return type(error), str(error)


@given(
    extra=pairs,
    user_agent=st.just("me/1") | texts,
    proxy=st.none() | st.just("Basic dTpw") | texts,
    signed=st.booleans(),
    options=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    url=st.just("http://h.test:8080/endpoints/a%2Fb/invocations?x=y") | texts,
    target=st.just("/endpoints/a%2Fb/invocations?x=y") | texts,
    members=pairs,
    payload=st.binary(max_size=20) | st.just("UNSIGNED-PAYLOAD") | texts,
    length=st.none() | st.integers(0, 2**60),
    trace_id=st.none() | st.just("Root=1-2;a=b") | texts,
    identity=st.just("5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f") | texts,
    progress=st.just("attempt=1; max=3") | texts,
)
def test_heads(
    extra,
    user_agent,
    proxy,
    signed,
    options,
    url,
    target,
    members,
    payload,
    length,
    trace_id,
    identity,
    progress,
):
    given = (extra, user_agent, proxy, signed, options)
    arguments = (url, target, members, payload, length, trace_id, identity, progress)
    expected = outcome(pure, pure_sigv4, *given, arguments)
    assert outcome(native, native_sigv4, *given, arguments) == expected
