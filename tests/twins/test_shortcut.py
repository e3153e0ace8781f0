"""The twins of `transport.Shortcut` send and return the same, which is what the long way does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sagewire
from sagewire._pure import reactor as pure_reactor
from sagewire._pure import sigv4 as pure_sigv4
from sagewire._pure import transport as pure
from sagewire.client import shortcuts
from sagewire.client.answers import BODIES, layout
from sagewire.client.call import prepare
from sagewire.client.results import Result
from sagewire.exceptions import ClientError
from sagewire.model.runtime import INVOKE_ENDPOINT
from sagewire.streams.body import StreamingBody
from tests.support.peer import Peer, answer
from tests.support.reactor_pool import ReactorBody, ReactorPool

native = pytest.importorskip("sagewire._native.transport", reason="needs the extension module")
native_reactor = pytest.importorskip("sagewire._native.reactor")
native_sigv4 = pytest.importorskip("sagewire._native.sigv4")

NOW = 1767323045.5  # 2026-01-02T03:04:05Z
ID = "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"
KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret", "aws_session_token": "tok"}


class Ways:
    """A shortcut of each kind, and the long way, to one peer that answers with `answer`."""

    def __init__(self, peer):
        self.answer = b""
        self._peer = peer
        url = f"http://127.0.0.1:{peer.port}"
        once = sagewire.Config(retries={"total_max_attempts": 1})
        self._client = sagewire.client(
            region_name="us-east-1", endpoint_url=url, config=once, **KEYS
        )
        self._client._ambient.now = lambda: NOW
        self._client._ambient.new_id = lambda: ID
        self._core = self._client._core
        self._sender = self._core.open()
        self._targets = self._core.targets[INVOKE_ENDPOINT]
        self._targets.of("known")
        shortcut = shortcuts.renewed(
            self._core, self._sender, INVOKE_ENDPOINT, self._client._options
        )
        pool = pure.Pool("http", "127.0.0.1", peer.port)
        twin = self._shortcut(pure, pure_sigv4, url, pool, BODIES["blob"])
        self.native = lambda parameters: shortcut.invoke(parameters, None)
        self.pure = lambda parameters: twin.invoke(parameters, None)
        self.native_awaited = self._awaited(native, native_reactor, native_sigv4, url)
        self.pure_awaited = self._awaited(pure, pure_reactor, pure_sigv4, url)

    def _shortcut(self, transport, sigv4, url, pool, make_body):
        return transport.Shortcut(
            transport.Template(url[7:], self._core.settings.user_agent(), []),
            pool,
            sigv4.Signer(*KEYS.values(), "us-east-1", "sagemaker", True, True, False),
            NOW,
            "attempt=1; max=1",
            65_536,
            self._targets.kept,
            INVOKE_ENDPOINT.text_headers,
            INVOKE_ENDPOINT.nonempty,
            lambda: NOW,
            lambda: ID,
            lambda *answer: layout(
                INVOKE_ENDPOINT, {"MaxAttemptsReached": True, "RetryAttempts": 0}, *answer
            ),
            Result,
            make_body,
        )

    def _awaited(self, transport, reactor, sigv4, url):
        """Return what makes a call on a loop, and waits for it."""
        pool = ReactorPool("http", "127.0.0.1", self._peer.port, twin=reactor)
        shortcut = self._shortcut(
            transport,
            sigv4,
            url,
            None,
            lambda response, length: StreamingBody(ReactorBody(pool, response), length),
        )
        assert shortcut.invoke({}, None) is None

        async def made(parameters):
            begun = pool._pool.call(shortcut, parameters, None)
            return None if begun is None else await begun

        def way(parameters):
            if pool.snapshot()[2] == 0:
                kept, self.answer = self.answer, answer(b"")
                pool.take(url, None).exchange("POST", "/", [("Content-Length", "0")], b"", None)
                self.answer = kept
                self._peer.requests.clear()
            ended = pool.run(made(parameters))
            if isinstance(ended, tuple):
                identity, seconds, response, error = ended
                ended = identity, seconds, ReactorBody(pool, response), error
            return ended

        return way

    def long(self, parameters):
        arguments = (INVOKE_ENDPOINT, self._targets, parameters)
        request = prepare(*arguments, validate=True, signed=True)
        return self._sender.send(INVOKE_ENDPOINT, request, self._client._options)

    def outcome(self, way, parameters):
        """Return what went out, and what came of it."""
        self._peer.requests.clear()
        self._targets.kept.pop("unknown", None)
        try:
            made = way(parameters)
        except ClientError as error:
            made = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if isinstance(made, tuple):
            identity, seconds, response, error = made
            assert (identity, error) == (ID, None)
            assert seconds >= 0
            response.read()
            made = response.status
        elif made is not None and not isinstance(made, int):
            made = told(made)
        return [(request.head, request.body) for request in self._peer.requests], made


def told(result):
    """Return all that a result shows, the order of its keys included."""
    body = result.pop("Body")
    metadata = result["ResponseMetadata"]
    [attempt] = result.attempts
    assert (attempt.reason, attempt.status) == (None, metadata["HTTPStatusCode"])
    assert attempt.request_id == metadata.get("RequestId")
    assert result.timing.first_byte > 0
    return type(result), repr(dict(result)), type(body), body._content_length, body.read()


@pytest.fixture(scope="module")
def ways():
    made = []

    def script(link):
        while link.request() is not None:
            link.send(made[0].answer)

    with Peer(script) as peer:
        made.append(Ways(peer))
        yield made[0]


class Subclass(str):
    __slots__ = ()


texts = st.text("aZ0/ ,;=\"'é\u3000\U0001f600", max_size=8)
odd = st.sampled_from(
    ("a\r\nb", "a\r\n b", "\ud800", None, 5, Subclass("text"), b"bytes", "a\0b", memoryview(b"m"))
)
headers = st.dictionaries(
    st.sampled_from((*INVOKE_ENDPOINT.text_headers, "Unknown", "contenttype")),
    texts | texts | texts | odd,
    max_size=4,
)
names = st.sampled_from(("known",) * 4 + ("unknown", None, b"known", Subclass("known")))
bodies = st.binary(max_size=40) | texts | st.binary(max_size=9).map(bytearray) | odd
parameters = st.tuples(
    st.builds(lambda name: {} if name is None else {"EndpointName": name}, names),
    headers,
    st.builds(lambda body: {"Body": body}, bodies) | st.just({}),
).flatmap(lambda parts: st.permutations(parts).map(lambda ones: ones[0] | ones[1] | ones[2]))
fields = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *(b"x-amzn-RequestId", b"x-amz-request-id", b"X-Amz-Id-2", b"Content-Type"),
                *(b"x-Amzn-Invoked-Production-Variant", b"X-Amzn-SageMaker-Custom-Attributes"),
                *(b"X-Amzn-SageMaker-New-Session-Id", b"x-other", b"Date"),
            )
        ),
        st.sampled_from((b"one", b"two", b"", b"caf\xe9", b"a\r\n b", b"three")),
    ),
    max_size=6,
)
given_answers = st.builds(
    lambda status, headers, body: answer(
        b"" if status == 204 else body, status=status, headers=headers
    ),
    st.sampled_from((200, 200, 200, 201, 299, 204, 302, 400, 424, 503)),
    fields,
    st.binary(max_size=9),
)


@settings(deadline=None)
@given(
    several=st.lists(parameters, min_size=1, max_size=3),
    few=st.lists(given_answers, min_size=1, max_size=2),
)
def test_calls(ways, several, few):
    for number, arguments in enumerate(several):
        ways.answer = few[number % len(few)]
        went = ways.outcome(ways.native, arguments)
        for way in (ways.pure, ways.native_awaited, ways.pure_awaited):
            assert ways.outcome(way, arguments) == went
        if went[1] is None:
            assert went[0] == []  # left to the long way
        else:
            assert ways.outcome(ways.long, arguments) == went


@pytest.mark.parametrize("way", ["native", "pure", "native_awaited", "pure_awaited"])
def test_an_ordinary_call_is_plain(ways, way):
    ways.answer = answer(b"yes", headers=[(b"Content-Type", b"text/csv")])
    for body in (b"1,2", "1,2", bytearray(b"1,2")):
        arguments = {"EndpointName": "known", "Body": body, "ContentType": "text/csv", "Accept": ""}
        went = ways.outcome(getattr(ways, way), arguments)
        assert went[1] is not None
        assert went == ways.outcome(ways.long, arguments)
