"""Variants, sessions, permissions, scripts and response streams at the front door."""

import json
import threading
import time
from contextlib import ExitStack
from functools import partial

import pytest
from botocore.exceptions import ClientError, EventStreamError

from sagewire.local.response import Response
from tests.support.containers import started
from tests.support.front_door import Door


def echo(request):
    return request.body


def refused(call, code):
    with pytest.raises(ClientError) as raised:
        call()
    assert raised.value.response["Error"]["Code"] == code, raised.value
    return raised.value.response


def invoked(client, body, **members):
    """Invoke, read the body so that the connection is free again, return the answer."""
    answer = client.invoke_endpoint(EndpointName="e", Body=body, **members)
    return {**answer, "Body": answer["Body"].read()}


def variant_of(client, **members):
    return invoked(client, b"", **members)["InvokedProductionVariant"]


def parts_of(client, body, **members):
    answer = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=body, **members)
    return answer, [event["PayloadPart"]["Bytes"] for event in answer["Body"]]


# Variants


def test_weights_are_honoured():
    """Chi-squared with two degrees of freedom: over 13.8 happens once in a thousand."""
    weights = {"A": 1.0, "B": 2.0, "C": 5.0, "none": 0.0}
    with Door({"e": {name: (weight, echo) for name, weight in weights.items()}}) as door:
        client = door.client()
        calls = 1600
        seen = dict.fromkeys(weights, 0)
        for _ in range(calls):
            seen[variant_of(client)] += 1
    assert seen.pop("none") == 0
    expected = {name: calls * weights[name] / 8 for name in seen}
    chi_squared = sum((seen[name] - expected[name]) ** 2 / expected[name] for name in seen)
    assert chi_squared < 18, seen


def test_a_variant_can_be_named():
    with Door({"e": {"A": (1.0, echo), "B": (0.0, echo)}}) as door:
        client = door.client()
        assert {variant_of(client, TargetVariant="B") for _ in range(20)} == {"B"}
        response = refused(lambda: variant_of(client, TargetVariant="C"), "ValidationError")
        assert "Variant C of endpoint e" in response["Error"]["Message"]


def test_no_variant_has_any_weight():
    with Door({"e": {"A": (0.0, echo)}}) as door:
        refused(lambda: variant_of(door.client()), "ServiceUnavailable")


def test_the_least_busy_container_is_asked():
    with ExitStack() as stack:
        busy, idle = (stack.enter_context(started()) for _ in range(2))
        door = stack.enter_context(Door({"e": {"A": (1.0, [busy.url, idle.url])}}))
        client = door.client(max_pool_connections=10)
        sleeping = [
            threading.Thread(
                target=lambda: client.invoke_endpoint(EndpointName="e", Body=b"sleep 1.5")
            )
            for _ in range(2)
        ]
        for thread in sleeping:
            thread.start()
            time.sleep(0.3)
        # One sleeps in each: two calls in a row then go to whichever is less busy, never waiting.
        started_at = time.monotonic()
        seen = {
            dict(
                json.loads(client.invoke_endpoint(EndpointName="e", Body=b"x")["Body"].read())[
                    "headers"
                ]
            )["host"]
            for _ in range(10)
        }
        assert time.monotonic() - started_at < 10
        assert seen <= {busy.url[7:], idle.url[7:]}
        for thread in sleeping:
            thread.join()


def test_a_dead_container_costs_nothing_when_nothing_was_sent():
    with ExitStack() as stack:
        dead, alive = (stack.enter_context(started()) for _ in range(2))
        door = stack.enter_context(Door({"e": {"A": (1.0, [dead.url, alive.url])}}))
        dead.kill()
        dead.wait()
        client = door.client()
        for _ in range(20):
            client.invoke_endpoint(EndpointName="e", Body=b"x")


def test_a_container_that_dies_with_a_call_is_not_asked_again_elsewhere():
    with ExitStack() as stack:
        both = [stack.enter_context(started()) for _ in range(2)]
        door = stack.enter_context(Door({"e": {"A": (1.0, [each.url for each in both])}}))
        client = door.client()
        for _ in range(10):
            refused(lambda: client.invoke_endpoint(EndpointName="e", Body=b"hangup "), "ModelError")
        # Each call reached one of them, once.
        reached = 0
        for each in both:
            with Door({"e": {"A": (1.0, [each.url])}}) as one:
                reached += int(invoked(one.client(), b"hangups ")["Body"])
        assert reached == 10


# Members


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("CustomAttributes", "x" * 1025),
        ("TargetModel", "m" * 1025),
        ("TargetVariant", "-a"),
        ("TargetContainerHostname", "a_b"),
        ("InferenceId", "i" * 65),
        ("EnableExplanations", "e" * 65),
        ("InferenceComponentName", "a.b"),
        ("SessionId", "a_b"),
        ("PrefixAwareId", "p" * 65),
    ],
)
def test_members_that_the_model_does_not_allow(member, value):
    with Door({"e": {"A": (1.0, echo)}}) as door:
        client = door.client(parameter_validation=False)
        response = refused(lambda: variant_of(client, **{member: value}), "ValidationError")
        name = member[0].lower() + member[1:]
        assert f"Value at '{name}' failed to satisfy" in response["Error"]["Message"]


def test_an_inference_id_is_made_unless_given():
    seen = []
    with Door(
        {"e": {"A": (1.0, lambda request: seen.append(request.inference_id) or b"")}}
    ) as door:
        client = door.client()
        variant_of(client)
        variant_of(client)
        variant_of(client, InferenceId="mine")
    assert len(set(seen)) == 3
    assert [len(each) for each in seen] == [36, 36, 4]


def test_sessions_stick_until_they_are_closed():
    def stateful(request):
        if request.session_id == "NEW_SESSION":
            opened = "s-1; Expires=2099-01-01T00:00:00Z"
            return Response(b"", headers={"X-Amzn-SageMaker-New-Session-Id": opened})
        if request.body == b"close":
            closed = {"X-Amzn-SageMaker-Closed-Session-Id": request.session_id}
            return Response(b"", headers=closed)
        return b""

    with Door({"e": dict.fromkeys("ABCD", (1.0, stateful))}) as door:
        client = door.client()
        opened = invoked(client, b"", SessionId="NEW_SESSION")
        assert opened["NewSessionId"] == "s-1; Expires=2099-01-01T00:00:00Z"
        home = opened["InvokedProductionVariant"]
        assert {variant_of(client, SessionId="s-1") for _ in range(30)} == {home}
        closed = invoked(client, b"close", SessionId="s-1")
        assert closed["ClosedSessionId"] == "s-1"
        for unknown in ("s-1", "never"):
            call = partial(variant_of, client, SessionId=unknown)
            response = refused(call, "ValidationError")
            assert f"Session {unknown} of endpoint e" in response["Error"]["Message"]


def test_a_session_ends_at_its_time():
    def opening(request):
        opened = {"X-Amzn-SageMaker-New-Session-Id": "old; Expires=2020-01-01T00:00:00Z"}
        return Response(b"", headers=opened)

    with Door({"e": {"A": (1.0, opening)}}) as door:
        client = door.client()
        variant_of(client, SessionId="NEW_SESSION")
        refused(lambda: variant_of(client, SessionId="old"), "ValidationError")


def test_a_session_stays_with_its_container():
    with ExitStack() as stack:
        urls = [stack.enter_context(started()).url for _ in range(3)]
        door = stack.enter_context(Door({"e": {"A": (1.0, urls)}}))
        client = door.client()
        call = {"EndpointName": "e", "Body": b"describe"}
        opened = client.invoke_endpoint(SessionId="NEW_SESSION", **call)
        home = dict(json.loads(opened["Body"].read())["headers"])["host"]
        assert opened["NewSessionId"].startswith("s1;")
        for _ in range(10):
            answer = client.invoke_endpoint(SessionId="s1", **call)
            assert dict(json.loads(answer["Body"].read())["headers"])["host"] == home


def test_a_prefix_stays_with_its_container():
    with ExitStack() as stack:
        urls = [stack.enter_context(started()).url for _ in range(3)]
        door = stack.enter_context(Door({"e": {"A": (1.0, urls)}}))
        client = door.client()

        def host(prefix):
            answer = client.invoke_endpoint(EndpointName="e", Body=b"x", PrefixAwareId=prefix)
            return dict(json.loads(answer["Body"].read())["headers"])["host"]

        homes = {prefix: host(prefix) for prefix in map(str, range(20))}
        assert len(set(homes.values())) == 3
        assert all(host(prefix) == home for prefix, home in homes.items())


# Who may call what


def test_each_key_reaches_only_its_endpoints():
    known = [
        ("ALL", "S1", None, None, ["*"]),
        ("TEAM", "S2", None, None, ["team-a-*", "shared"]),
        ("NONE", "S3", None, None, []),
    ]
    endpoints = {name: {"A": (1.0, echo)} for name in ("team-a-x", "team-b-x", "shared")}
    with Door(endpoints, known=known) as door:
        allowed = {"ALL": set(endpoints), "TEAM": {"team-a-x", "shared"}, "NONE": set()}
        for key, secret, _, _, _ in known:
            client = door.client(key, secret)
            for name in [*endpoints, "missing"]:

                def call(client=client, name=name):
                    return client.invoke_endpoint(EndpointName=name, Body=b"")

                if name in allowed[key]:
                    call()
                elif key == "ALL":
                    refused(call, "ValidationError")
                else:
                    response = refused(call, "AccessDeniedException")
                    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
                    assert f"endpoint/{name}" in response["Error"]["Message"]


def test_unknown_keys_are_looked_up():
    asked = []
    with Door({"e": {"A": (1.0, echo)}}, known=(), lookup=True) as door:

        def answer():
            while (lookup := door.server.take_lookup()) is not None:
                asked.append(lookup.access_key_id)
                known = {"FOUND": ("S1", None, None, ["*"]), "PAST": ("S2", None, 1, ["*"])}
                lookup.answer(known.get(lookup.access_key_id))

        thread = threading.Thread(target=answer)
        thread.start()
        for _ in range(3):
            variant_of(door.client("FOUND", "S1"))
            refused(lambda: variant_of(door.client("FOUND", "wrong")), "InvalidSignatureException")
            refused(lambda: variant_of(door.client("LOST", "S")), "UnrecognizedClientException")
            refused(lambda: variant_of(door.client("PAST", "S2")), "ExpiredTokenException")
    thread.join(10)
    assert not thread.is_alive()
    assert asked == ["FOUND", "LOST", "PAST"]


def test_signatures_can_be_left_unlooked_at():
    with Door({"e": {"A": (1.0, echo)}}, known=None) as door:
        variant_of(door.client("ANY", "thing"))


# Faults on demand


def test_a_script_is_played_call_by_call():
    with Door({"e": {"A": (1.0, echo)}}) as door:
        client = door.client()
        door.server.script(
            "e",
            [
                (0.0, 503, "ServiceUnavailable", "as asked", False),
                (0.3, 0, "", "", False),
                (0.0, 0, "", "", True),
                (0.0, 424, "ModelError", "the model said", False),
            ],
        )
        response = refused(lambda: variant_of(client), "ServiceUnavailable")
        assert response["Error"]["Message"] == "as asked"
        started_at = time.monotonic()
        variant_of(client)
        assert time.monotonic() - started_at >= 0.3
        with pytest.raises(Exception, match="Connection was closed"):
            variant_of(client)
        response = refused(lambda: variant_of(client), "ModelError")
        assert response["OriginalMessage"] == "the model said"
        variant_of(client)


# Response streams


def test_each_piece_of_a_handler_is_a_part():
    def words(request):
        return Response(iter([b"one", b"", b"two"]), content_type="text/csv", custom_attributes="c")

    with Door({"e": {"A": (1.0, words)}}) as door:
        answer, parts = parts_of(door.client(), b"", Accept="text/csv")
    assert parts == [b"one", b"two"]
    assert answer["ContentType"] == "text/csv"
    assert answer["CustomAttributes"] == "c"
    assert answer["InvokedProductionVariant"] == "A"
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/vnd.amazon.eventstream"


@pytest.mark.parametrize(("body", "parts"), [(b"whole", [b"whole"]), (b"", [])])
def test_a_whole_answer_is_one_part(body, parts):
    with Door({"e": {"A": (1.0, echo)}}) as door:
        assert parts_of(door.client(), body)[1] == parts


def test_the_model_sees_accept_under_its_own_name():
    with Door({"e": {"A": (1.0, lambda request: str(request.accept))}}) as door:
        assert parts_of(door.client(), b"", Accept="a/b")[1] == [b"a/b"]


def test_a_handler_that_fails_in_the_middle():
    def breaking(request):
        yield b"half"
        raise ValueError("bad row")

    with Door({"e": {"A": (1.0, breaking)}}) as door:
        stream = door.client().invoke_endpoint_with_response_stream(EndpointName="e", Body=b"")
        events = iter(stream["Body"])
        assert next(events) == {"PayloadPart": {"Bytes": b"half"}}
        with pytest.raises(EventStreamError, match=r"\(ModelStreamError\).*ValueError: bad row"):
            next(events)
        stream["Body"].close()


def test_a_model_that_fails_before_its_first_part():
    def failing(request):
        raise ValueError("bad row")

    with Door({"e": {"A": (1.0, failing)}}) as door:
        response = refused(lambda: parts_of(door.client(), b""), "ModelError")
        assert response["OriginalStatusCode"] == 500


def test_a_container_is_streamed_as_it_speaks():
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}) as door:
        client = door.client()
        stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"drip 0.4 3")
        arrivals = [(time.monotonic(), event["PayloadPart"]["Bytes"]) for event in stream["Body"]]
        assert [piece for _, piece in arrivals] == [b"00000", b"00001", b"00002"]
        assert arrivals[2][0] - arrivals[0][0] > 0.6
        assert stream["ContentType"] == "text/plain"


def test_a_container_that_breaks_off():
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}) as door:
        client = door.client()
        stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"half ")
        events = iter(stream["Body"])
        assert next(events)["PayloadPart"]["Bytes"] == b"half"
        with pytest.raises(EventStreamError) as raised:
            next(events)
        stream["Body"].close()
        assert raised.value.response["Error"]["Code"] == "ModelStreamError"


def test_a_stream_has_its_time():
    settings = {"stream_timeout": 0.5}
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}, **settings) as door:
        client = door.client()
        stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"drip 0.2 0")
        with pytest.raises(EventStreamError, match=r"\(ModelStreamError\).*timed out"):
            list(stream["Body"])
        stream["Body"].close()


def test_an_error_of_the_container_before_the_stream():
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}) as door:
        response = refused(lambda: parts_of(door.client(), b"status 418 no"), "ModelError")
        assert response["OriginalStatusCode"] == 418


def test_a_caller_that_leaves_cancels_the_containers_call():
    with started() as container, Door({"e": {"A": (1.0, [container.url])}}) as door:
        client = door.client()
        stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"drip 0.02 0")
        next(iter(stream["Body"]))
        stream["Body"].close()
        deadline = time.monotonic() + 20
        left = b""
        while not left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = client.invoke_endpoint(EndpointName="e", Body=b"left ")["Body"].read()
        assert left in (b"BrokenPipeError", b"ConnectionResetError")


def test_a_slow_reader_holds_the_model_back():
    given = []

    def endless(request):
        while True:
            given.append(1)
            yield b"x" * 65_536

    with Door({"e": {"A": (1.0, endless)}}) as door:
        stream = door.client().invoke_endpoint_with_response_stream(EndpointName="e", Body=b"")
        next(iter(stream["Body"]))
        held = 0
        while held != len(given):
            held = len(given)
            # What the sockets hold on both sides, and a few parts ahead; then nothing more.
            assert held < 400
            time.sleep(0.5)
        stream["Body"].close()


def test_a_session_cannot_be_opened_by_a_stream():
    with Door({"e": {"A": (1.0, echo)}}) as door:
        call = lambda: parts_of(door.client(), b"", SessionId="NEW_SESSION")  # noqa: E731
        refused(call, "ValidationError")
