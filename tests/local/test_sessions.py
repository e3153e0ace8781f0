"""Stateful sessions: a call goes where its session lives, until it ends."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from sagewire.local import LocalEndpoint, Response


def opened(seconds=60):
    end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return f"s-1; Expires={end:%Y-%m-%dT%H:%M:%SZ}"


def handler(name):
    def answer(request):
        headers = {}
        if request.session_id == "NEW_SESSION":
            headers["X-Amzn-SageMaker-New-Session-Id"] = request.body.decode()
        elif request.body == b"close":
            headers["X-Amzn-SageMaker-Closed-Session-Id"] = request.session_id
        return Response(f"{name} {request.session_id}", headers=headers)

    return answer


@pytest.fixture
def invoke(boto):
    variants = {name: handler(name) for name in "abcdefgh"}
    with LocalEndpoint({"model": variants, "other": handler("o")}) as local:
        client = boto(local)

        def invoke(session_id, body=b"", endpoint="model", **members):
            return client.invoke_endpoint(
                EndpointName=endpoint, Body=body, SessionId=session_id, **members
            )

        invoke.stream = client.invoke_endpoint_with_response_stream
        yield invoke


def lost(call):
    with pytest.raises(ClientError) as raised:
        call()
    response = raised.value.response
    assert response["Error"]["Code"] == "ValidationError"
    return "not found or expired" in response["Error"]["Message"]


def test_a_session_stays_with_its_variant(invoke):
    stated = opened()
    answer = invoke("NEW_SESSION", stated.encode())
    assert answer["NewSessionId"] == stated
    home = answer["InvokedProductionVariant"]
    for _ in range(20):
        answer = invoke("s-1")
        assert answer["InvokedProductionVariant"] == home
        assert answer["Body"].read() == f"{home} s-1".encode()
    streamed = invoke.stream(EndpointName="model", Body=b"", SessionId="s-1")
    assert streamed["InvokedProductionVariant"] == home
    list(streamed["Body"])


def test_a_session_is_closed_by_its_model(invoke):
    invoke("NEW_SESSION", opened().encode())
    assert invoke("s-1", b"close")["ClosedSessionId"] == "s-1"
    assert lost(lambda: invoke("s-1"))


def test_a_session_expires(invoke):
    invoke("NEW_SESSION", opened(-1).encode())
    assert lost(lambda: invoke("s-1"))


def test_a_session_without_an_end(invoke):
    invoke("NEW_SESSION", b"s-2")
    assert invoke("s-2")["Body"].read().endswith(b" s-2")


def test_sessions_that_are_not_there(invoke):
    assert lost(lambda: invoke("never"))
    invoke("NEW_SESSION", opened().encode())
    # A session belongs to its endpoint.
    assert lost(lambda: invoke("s-1", endpoint="other"))
    assert not lost(lambda: invoke("not_a_session"))


def test_a_session_stays_with_its_container(boto, container, other_container):
    with LocalEndpoint({"model": [container.url, other_container.url]}) as local:
        client = boto(local)

        def home(session_id):
            answer = client.invoke_endpoint(EndpointName="model", Body=b"x", SessionId=session_id)
            return json.loads(answer["Body"].read())["headers"][0][1]

        # The containers open the session s1, whichever is asked.
        place = home("NEW_SESSION")
        assert {home("s1") for _ in range(20)} == {place}
