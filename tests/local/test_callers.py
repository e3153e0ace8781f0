"""Who may call what: further callers, permissions, lookups, and no signatures at all."""

import threading

import pytest
from botocore.exceptions import ClientError

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import Caller, LocalEndpoint
from sagewire.sigv4 import Credentials
from tests.support.raw_http import exchange

OPERATIONS = ("invoke_endpoint", "invoke_endpoint_with_response_stream", "invoke_endpoint_async")
TEAM = Credentials("AKIDTEAM", "TEAMSECRET")
TEMPORARY = Credentials("ASIATEMP", "TEMPSECRET", token="TOKEN")


def ok(request):
    return b"ok"


def call(client, name="echo", operation="invoke_endpoint"):
    answer = getattr(client, operation)(EndpointName=name, Body=b"x")
    if operation == OPERATIONS[1]:
        answer["Body"].close()
    return answer


def refused(client, *arguments):
    with pytest.raises(ClientError) as raised:
        call(client, *arguments)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_caller_reaches_its_own_endpoints_only(boto, operation):
    callers = [Caller(TEAM, endpoints=["team-a-*", "shared-?"]), Caller(TEMPORARY, endpoints=[])]
    endpoints = dict.fromkeys(("team-a-x", "team-b-x", "shared-1", "shared-12"), ok)
    with LocalEndpoint(endpoints, callers=callers) as local:
        team, temporary, owner = boto(local, as_=TEAM), boto(local, as_=TEMPORARY), boto(local)
        for name in ("team-a-x", "shared-1"):
            call(team, name, operation)
        for name in endpoints:
            call(owner, name, operation)
        # Whether the endpoint exists does not show.
        for client, names in (
            (team, ("team-b-x", "shared-12", "nowhere")),
            (temporary, ("team-a-x", "nowhere")),
        ):
            for name in names:
                code, status, response = refused(client, name, operation)
                assert (code, status) == ("AccessDeniedException", 403)
                words = response["Error"]["Message"]
                assert words.startswith(("User: AKIDTEAM is", "User: ASIATEMP is"))
                assert f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name} " in words
                assert "SECRET" not in str(response)


def test_a_wrong_secret_of_a_known_caller(boto):
    with LocalEndpoint({"echo": ok}, callers=[Caller(TEAM)]) as local:
        wrong = Credentials("AKIDTEAM", "OTHER")
        assert refused(boto(local, as_=wrong))[0] == "InvalidSignatureException"
        assert refused(boto(local, as_=TEMPORARY))[0] == "UnrecognizedClientException"


def test_a_lookup(boto):
    asked, threads = [], set()

    def lookup(access_key_id):
        asked.append(access_key_id)
        threads.add(threading.current_thread().name)
        return {
            "AKIDTEAM": Caller(TEAM, endpoints=["echo"]),
            "ASIATEMP": TEMPORARY,
        }.get(access_key_id)

    with LocalEndpoint({"echo": ok, "other": ok}, lookup=lookup) as local:
        team, temporary = boto(local, as_=TEAM), boto(local, as_=TEMPORARY)
        for _ in range(3):
            assert call(team)["Body"].read() == b"ok"
            assert refused(team, "other")[0] == "AccessDeniedException"
            assert call(temporary, "other")["Body"].read() == b"ok"
            unknown = boto(local, as_=Credentials("AKIDNOBODY", "S"))
            assert refused(unknown)[0] == "UnrecognizedClientException"
        assert call(boto(local))["Body"].read() == b"ok"
    # Answers are kept for a while, and what is known is not asked for.
    assert sorted(asked) == ["AKIDNOBODY", "AKIDTEAM", "ASIATEMP"]
    assert threads == {"sagewire-lookup"}


@pytest.mark.parametrize("result", [ValueError("no database"), "text", 5])
def test_a_lookup_that_fails(boto, caplog, result):
    def lookup(access_key_id):
        if isinstance(result, Exception):
            raise result
        return result

    with LocalEndpoint({"echo": ok}, lookup=lookup) as local:
        assert refused(boto(local, as_=TEAM))[0] == "UnrecognizedClientException"
        assert call(boto(local))["Body"].read() == b"ok"
    assert caplog.records[0].getMessage() == "a lookup failed"
    assert "AKIDTEAM" not in caplog.text


def test_without_signatures():
    with pytest.warns(UserWarning, match="without looking at their signatures") as warned:
        local = LocalEndpoint({"echo": ok}, verify_signatures=False)
    assert warned[0].filename == __file__
    with local:
        answer = exchange(
            local,
            b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_without_signatures_only_on_loopback(host):
    with pytest.raises(InvalidArgumentError) as raised:
        LocalEndpoint({"echo": ok}, verify_signatures=False, host=host)
    assert str(raised.value) == (
        f"verify_signatures: anybody who reaches {host} could call; "
        "allowed: True, or a loopback address as host"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"callers": TEAM}, "callers must be an iterable of Caller, not Credentials"),
        ({"callers": [TEAM]}, "callers must consist of Caller, not Credentials"),
        ({"callers": Caller(TEAM)}, "callers must be an iterable of Caller, not Caller"),
        ({"lookup": {}}, "lookup must be a callable or None, not dict"),
        ({"verify_signatures": 0}, "verify_signatures must be bool, not int"),
    ],
)
def test_arguments_of_a_wrong_type(arguments, words):
    with pytest.raises(TypeError) as raised:
        LocalEndpoint({}, **arguments)
    assert str(raised.value) == words


def test_a_key_that_occurs_twice():
    with pytest.raises(InvalidArgumentError, match="callers: AKIDTEAM occurs twice"):
        LocalEndpoint({}, callers=[Caller(TEAM), Caller(TEAM)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a",), "credentials must be sagewire.sigv4.Credentials, not str"),
        ((TEAM, "a*"), "endpoints must be an iterable of patterns, not one str"),
        ((TEAM, [5]), "endpoints: a pattern must be str, not int"),
    ],
)
def test_callers_that_cannot_be(arguments, words):
    with pytest.raises(TypeError) as raised:
        Caller(arguments[0], **({"endpoints": arguments[1]} if arguments[1:] else {}))
    assert str(raised.value) == words


def test_repr():
    assert repr(Caller(TEAM, endpoints=["a*"])) == "<Caller AKIDTEAM endpoints=['a*']>"
