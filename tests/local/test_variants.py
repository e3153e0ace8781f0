"""Production variants: weights, the caller's choice, several containers."""

import collections
import json
import select
import socket
import threading

import pytest
from botocore.exceptions import ClientError

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import LocalEndpoint, Variant


def named(name):
    return lambda request: f"{name} {request.variant_name}"


def body(client, **members):
    answer = client.invoke_endpoint(EndpointName="shop", Body=b"x", **members)
    return answer["InvokedProductionVariant"], answer["Body"].read().decode()


def test_weights_are_honoured(boto):
    variants = {
        "old": Variant(named("o"), weight=6),
        "new": Variant(named("n"), weight=3),
        "small": named("s"),
        "shadow": Variant(named("x"), weight=0),
    }
    with LocalEndpoint({"shop": variants}) as local:
        client = boto(local)
        seen = collections.Counter(body(client) for _ in range(1000))
    assert set(seen) == {("old", "o old"), ("new", "n new"), ("small", "s small")}
    expected = {"old": 600, "new": 300, "small": 100}
    chi_squared = sum(
        (count - expected[name]) ** 2 / expected[name] for (name, _), count in seen.items()
    )
    # Two degrees of freedom: a right choice fails once in a million runs.
    assert chi_squared < 27.6


def test_the_callers_choice(boto):
    variants = {"a": named("a"), "b": Variant(named("b"), weight=0)}
    with LocalEndpoint({"shop": variants}) as local:
        client = boto(local)
        for name in ("a", "b"):
            assert body(client, TargetVariant=name) == (name, f"{name} {name}")
        with pytest.raises(ClientError, match="Variant c of endpoint shop of account"):
            body(client, TargetVariant="c")
        with pytest.raises(ClientError, match="Variant AllTraffic of endpoint shop"):
            body(client, TargetVariant="AllTraffic")


def test_no_weight_at_all(boto):
    with LocalEndpoint({"shop": {"a": Variant(named("a"), weight=0)}}) as local:
        client = boto(local)
        with pytest.raises(client.exceptions.ServiceUnavailable) as raised:
            body(client)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert body(client, TargetVariant="a")[0] == "a"


def test_a_handler_and_a_container(boto, container):
    with LocalEndpoint({"shop": {"python": named("p"), "http": container.url}}) as local:
        client = boto(local)
        assert body(client, TargetVariant="python") == ("python", "p python")
        name, text = body(client, TargetVariant="http")
        assert name == "http"
        assert json.loads(text)["length"] == 1


def test_the_container_with_the_fewest_calls_in_flight(boto, container, other_container):
    with LocalEndpoint({"shop": [container.url, other_container.url]}) as local:
        client = boto(local)
        slow = threading.Thread(
            target=client.invoke_endpoint, kwargs={"EndpointName": "shop", "Body": b"sleep 3"}
        )
        slow.start()
        # Whichever is asked says so.
        pipes = [container.stdout, other_container.stdout]
        ready, _, _ = select.select(pipes, [], [], 20)
        assert [pipe.readline() for pipe in ready] == [b"sleeping\n"]
        hosts = {json.loads(body(client)[1])["headers"][0][1] for _ in range(10)}
        slow.join()
    assert len(hosts) == 1


def test_a_container_that_is_not_there_is_passed_over(boto, container):
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    with LocalEndpoint({"shop": [nobody, container.url]}) as local:
        client = boto(local)
        for _ in range(20):
            assert json.loads(body(client)[1])["length"] == 1


def test_a_prefix_leads_to_one_container(boto, container, other_container):
    with LocalEndpoint({"shop": [container.url, other_container.url]}) as local:
        client = boto(local)
        homes = {}
        for number in range(16):
            seen = {
                json.loads(body(client, PrefixAwareId=f"p{number}")[1])["headers"][0][1]
                for _ in range(4)
            }
            assert len(seen) == 1
            homes[number] = seen.pop()
        assert len(set(homes.values())) == 2


NAMES = "1 to 63 letters, digits and hyphens, no hyphen first or last"


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (
            {},
            InvalidArgumentError,
            (
                "endpoints['e']: an endpoint without variants answers nothing; "
                "allowed: at least one variant"
            ),
        ),
        (
            [],
            InvalidArgumentError,
            "endpoints['e']: no container is named; allowed: at least one URL",
        ),
        (
            {"a_b": named("a")},
            InvalidArgumentError,
            f"endpoints['e']: 'a_b' is no name of a variant; allowed: {NAMES}",
        ),
        ({5: named("a")}, TypeError, "the name of a variant must be str, not int"),
        (
            {"a": None},
            TypeError,
            (
                "endpoints['e']['a'] must be a callable, a container's URL or a list of them, "
                "not NoneType"
            ),
        ),
        (
            {"a": ["http://h", 5]},
            TypeError,
            "endpoints['e']['a']: a container's URL must be str, not int",
        ),
        (
            {"a": ["http://h", "h"]},
            InvalidArgumentError,
            (
                "endpoints['e']['a']: 'h' is no URL of a container; "
                "allowed: http://host, with a port and a path if needed"
            ),
        ),
    ],
)
def test_variants_that_cannot_be(value, error, words):
    with pytest.raises(error) as raised:
        LocalEndpoint({"e": value})
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        (-1, InvalidArgumentError, "weight: -1 is out of range; allowed: 0 to 1e9"),
        (float("nan"), InvalidArgumentError, "weight: nan is out of range; allowed: 0 to 1e9"),
        ("1", TypeError, "weight must be a number, not str"),
        (True, TypeError, "weight must be a number, not bool"),
    ],
)
def test_weights_that_cannot_be(weight, error, words):
    with pytest.raises(error) as raised:
        Variant(named("a"), weight=weight)
    assert str(raised.value) == words


def test_repr():
    assert repr(Variant(named("a"), weight=2)) == "<Variant weight=2.0>"
