"""Whole calls on both drivers: signed with what each source gives, refreshed, or told why not."""

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials

from sagewire.credentials import clock
from sagewire.exceptions import (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
)
from sagewire.sigv4 import Credentials
from tests.credentials.conftest import Clock
from tests.credentials.test_sso import SSO, keep_token, portal
from tests.support.capture import Captured, CaptureServer
from tests.support.fakes import Fake, Imds, Sts, role_document, stamp

ROLE = "arn:aws:iam::123456789012:role/r"
BASE = "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = SKBASE\n"
HOURS = 3600


class World:
    """What a source is found in: the environment, the files, services that come and go."""

    def __init__(self, environment: Any, write: Any, home: Path, metadata_at: Any) -> None:
        self.environment = environment
        self.write = write
        self.home = home
        self.metadata_at = metadata_at
        self.stack = contextlib.ExitStack()
        self.times = 0

    def lasting(self) -> int:
        """Return how long credentials last: each time some hours more, beyond the clock's next."""
        self.times += 1
        return self.times * HOURS

    def document(self) -> dict[str, Any]:
        seconds = self.lasting()
        return role_document(f"ASIA{self.times}", seconds)

    def sts(self) -> None:
        sts = self.stack.enter_context(Sts())
        answered = sts.answer

        def lasting(asked: Any) -> Any:
            sts.seconds = self.lasting()
            return answered(asked)

        sts.answer = lasting
        self.environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)

    def imds(self) -> None:
        self.metadata_at(self.stack.enter_context(Imds(self.document)))


@pytest.fixture
def world(environment: Any, config_file: Any, tmp_path: Path, metadata_at: Any) -> Any:
    made = World(environment, config_file, tmp_path, metadata_at)
    with made.stack:
        yield made


def keys(_world: World) -> dict[str, Any]:
    return {"aws_access_key_id": "AK", "aws_secret_access_key": "s", "aws_session_token": "t"}


def variables(world: World) -> None:
    world.environment.setenv("AWS_ACCESS_KEY_ID", "AK")
    world.environment.setenv("AWS_SECRET_ACCESS_KEY", "s")
    world.environment.setenv("AWS_SESSION_TOKEN", "t")


def credentials_file(world: World) -> None:
    lines = "aws_access_key_id = AK\naws_secret_access_key = s\naws_session_token = t\n"
    world.write(f"[default]\n{lines}", "credentials")


def profile(world: World) -> dict[str, Any]:
    world.write(BASE)
    return {"profile_name": "base"}


def given(_world: World) -> dict[str, Any]:
    return {"credentials": Credentials("AK", "s", "t")}


def session(_world: World) -> dict[str, Any]:
    return {"session": boto3.Session("AK", "s", "t")}


def function(world: World) -> dict[str, Any]:
    def give() -> Credentials:
        end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=world.lasting())
        return Credentials(f"ASIA{world.times}", "s", "t", end)

    return {"credentials": give}


def refreshing_session(world: World) -> dict[str, Any]:
    def give() -> dict[str, str]:
        names = ("expiry_time", "access_key", "secret_key", "token")
        return dict(
            zip(names, (stamp(world.lasting()), f"ASIA{world.times}", "s", "t"), strict=True)
        )

    def now() -> dt.datetime:
        return dt.datetime.fromtimestamp(clock.now(), dt.timezone.utc)

    end = now() + dt.timedelta(seconds=world.lasting())
    made = botocore.session.Session()
    made._credentials = RefreshableCredentials("ASIA1", "s", "t", end, give, "test", now)
    return {"session": made}


def program(world: World) -> None:
    script = world.home / "give.sh"
    script.write_text(
        f"#!/bin/sh\necho run >> {world.home}/runs\nn=$(wc -l < {world.home}/runs)\n"
        f"[ $n -eq 1 ] && end={stamp(HOURS)} || end={stamp(9 * HOURS)}\n"
        'printf \'{"Version": 1, "AccessKeyId": "ASIA%s", "SecretAccessKey": "s", '
        '"SessionToken": "t", "Expiration": "%s"}\' $n $end\n'
    )
    script.chmod(0o755)
    world.write(f"[default]\ncredential_process = {script}\n")


def role(world: World) -> None:
    world.sts()
    world.write(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")


def web_identity(world: World) -> None:
    world.sts()
    (world.home / "token").write_text("a.jwt")
    world.environment.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(world.home / "token"))
    world.environment.setenv("AWS_ROLE_ARN", ROLE)


def identity_center(world: World) -> Fake:
    world.write(SSO)
    keep_token(world.home, "mine", accessToken="t", expiresAt=stamp(9 * HOURS))
    sso = world.stack.enter_context(Fake(portal))
    world.environment.setenv("AWS_ENDPOINT_URL_SSO", sso.url)
    return sso


def container(world: World) -> None:
    pod = world.stack.enter_context(Fake(lambda _asked: world.document()))
    world.environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/c")


def instance(world: World) -> None:
    world.imds()


class Signed(NamedTuple):
    """What stands in a request: whose keys signed it, and with which token."""

    key: str
    token: str | None


def signed(request: Captured) -> Signed:
    authorization = str(request.header("authorization"))
    key = authorization.partition("Credential=")[2].partition("/")[0]
    return Signed(key, request.header("x-amz-security-token"))


def call(client: Any) -> Any:
    return client.invoke_endpoint(EndpointName="ep", Body=b"x")["Body"].read()


# name -> (what prepares it and returns the client's arguments, the token)
LASTING = {
    each.__name__: (each, token)
    for each, token in (
        (keys, "t"),
        (variables, "t"),
        (credentials_file, "t"),
        (profile, None),
        (given, "t"),
        (session, "t"),
    )
}
TEMPORARY = {
    each.__name__: (each, token)
    for each, token in (
        (function, "t"),
        (refreshing_session, "t"),
        (program, "t"),
        (role, ROLE),
        (web_identity, ROLE),
        (container, "faketoken"),
        (instance, "faketoken"),
    )
}


@pytest.mark.parametrize("source", LASTING)
def test_a_call_is_signed_with_what_a_source_gives(
    source: str, make_client: Any, world: World
) -> None:
    prepare, token = LASTING[source]
    with CaptureServer() as server:
        client = make_client(endpoint_url=server.url, **(prepare(world) or {}))
        for _ in range(3):
            assert call(client) == b"{}"
    key = "AKBASE" if source == "profile" else "AK"
    assert [signed(request) for request in server.requests] == [Signed(key, token)] * 3
    told_of_their_source(server, client)


@pytest.mark.parametrize("source", TEMPORARY)
def test_calls_go_on_with_new_credentials_once_the_old_ones_end(
    source: str, make_client: Any, world: World, moved: Clock
) -> None:
    prepare, token = TEMPORARY[source]
    with CaptureServer() as server:
        client = make_client(endpoint_url=server.url, **(prepare(world) or {}))
        client._ambient.now = moved.now
        for _ in range(3):
            assert call(client) == b"{}"
        moved.time += HOURS + 60
        for _ in range(3):
            assert call(client) == b"{}"
    before, after = Signed("ASIA1", token), Signed("ASIA2", token)
    assert [signed(request) for request in server.requests] == [before] * 3 + [after] * 3
    told_of_their_source(server, client)


def test_calls_are_signed_with_what_the_identity_center_gives(
    make_client: Any, world: World, moved: Clock
) -> None:
    """Whose keys have the same name each time: the portal is asked once more."""
    portal_asked = identity_center(world).asked
    with CaptureServer() as server:
        client = make_client(endpoint_url=server.url)
        client._ambient.now = moved.now
        for _ in range(2):
            assert call(client) == b"{}"
        moved.time += HOURS + 60
        assert len(portal_asked) == 1
        assert call(client) == b"{}"
    assert len(portal_asked) == 2
    assert [signed(request) for request in server.requests] == [Signed("ASIASSO", "t")] * 3
    told_of_their_source(server, client)


def told_of_their_source(server: CaptureServer, client: Any) -> None:
    """Every request says in its `User-Agent` where the credentials are from, the first as well."""
    features = set(client._settings.source.features)
    for request in server.requests:
        said = str(request.header("user-agent")).partition(" m/")[2].partition(" ")[0]
        assert features <= set(said.split(","))


def no_container(world: World) -> None:
    refusing = world.stack.enter_context(Fake(lambda _asked: (403, "no")))
    world.environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{refusing.url}/c")


def no_second_version(world: World) -> None:
    world.metadata_at(world.stack.enter_context(Fake(lambda _asked: (403, ""))))
    world.environment.setenv("AWS_EC2_METADATA_V1_DISABLED", "true")


def half_in_a_file(world: World) -> None:
    world.write("[default]\naws_access_key_id = AK\n", "credentials")


FAILING: dict[str, tuple[Callable[[World], Any], type[Exception], str]] = {
    "nothing": (lambda _world: None, NoCredentialsError, "Unable to locate credentials"),
    "half": (half_in_a_file, PartialCredentialsError, "missing: aws_secret_access_key"),
    "profile": (lambda _world: {"profile_name": "x"}, ProfileNotFound, "profile .x. could not be"),
    "program": (
        lambda world: world.write("[default]\ncredential_process = false\n"),
        CredentialRetrievalError,
        "from custom-process",
    ),
    "sso": (lambda world: world.write(SSO), SSOTokenLoadError, "Token for mine does not exist"),
    "container": (no_container, CredentialRetrievalError, "Received non 200 response 403"),
    "instance": (no_second_version, MetadataRetrievalError, "IMDSv1 has been disabled"),
}


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("source", FAILING)
def test_a_source_that_fails_fails_the_call_before_anything_is_sent(
    source: str, make_client: Any, world: World
) -> None:
    """The blocking client may say so when it is made, as boto3 does."""
    prepare, kind, words = FAILING[source]
    with CaptureServer() as server:
        arguments = prepare(world) or {}
        with pytest.raises(kind, match=words):
            call(make_client(endpoint_url=server.url, **arguments))
    assert not server.requests
