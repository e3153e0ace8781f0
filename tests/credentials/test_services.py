"""The sources that ask somebody, against fakes that say what they were asked."""

import itertools
import json
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sagewire
from sagewire.credentials import clock
from sagewire.exceptions import (
    ClientError,
    CredentialRetrievalError,
    InfiniteLoopConfigError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    RefreshWithMFAUnsupportedError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from tests.credentials.conftest import Clock
from tests.support.fakes import HANG, Asked, Fake, Imds, Sts, role_document, stamp, sts_error

ROLE = "arn:aws:iam::123456789012:role/r"
Write = Callable[..., None]


def source_of(**arguments: Any) -> Any:
    """Return the source that a new client found."""
    return sagewire.client(**arguments)._settings.source


@pytest.fixture
def metadata_at(environment: pytest.MonkeyPatch) -> Callable[[Fake], None]:
    def point(fake: Fake) -> None:
        environment.setenv("AWS_EC2_METADATA_DISABLED", "false")
        environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url)

    return point


# The instance metadata service


def test_an_instance_is_asked_for_a_token_a_role_and_its_credentials(metadata_at: Any) -> None:
    with Imds() as imds:
        metadata_at(imds)
        source = source_of()
        found = source.current()
    assert (source.method, source.features) == ("iam-role", ("0",))
    assert (found.access_key_id, found.secret_access_key) == ("ASIAFAKE", "fakesecret")
    assert [repr(asked) for asked in imds.asked] == [
        "PUT /latest/api/token",
        "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/the-role",
    ]
    assert imds.asked[0].headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
    for asked in imds.asked:
        assert asked.headers["user-agent"].startswith(f"sagewire/{sagewire.__version__} ua/2.1 ")


def test_clients_of_one_configuration_ask_once(metadata_at: Any, environment: Any) -> None:
    with Imds() as imds:
        metadata_at(imds)
        sources: list[Any] = []
        threads = [threading.Thread(target=lambda: sources.append(source_of())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(sources) == 16
        assert len({id(source) for source in sources}) == 1
        assert imds.count("PUT") == 1
        environment.setenv("AWS_METADATA_SERVICE_TIMEOUT", "2")
        assert source_of() is not sources[0]
        assert imds.count("PUT") == 2


@pytest.mark.parametrize("status", [403, 404, 405])
def test_version_1_is_fallen_back_to_unless_it_is_off(
    metadata_at: Any, environment: Any, status: int
) -> None:
    def version_1(asked: Asked) -> Any:
        if asked.method == "PUT":
            return status, ""
        assert "x-aws-ec2-metadata-token" not in asked.headers
        return "the-role" if asked.path.endswith("/") else role_document()

    with Fake(version_1) as imds:
        metadata_at(imds)
        assert source_of().current().access_key_id == "ASIAFAKE"
        environment.setenv("AWS_EC2_METADATA_V1_DISABLED", "true")
        with pytest.raises(MetadataRetrievalError, match="IMDSv1 has been disabled"):
            source_of()


def test_a_hanging_metadata_service_costs_its_time_out(metadata_at: Any) -> None:
    with Fake(lambda _asked: HANG) as imds:
        metadata_at(imds)
        start = time.monotonic()
        client = sagewire.client()
        assert 1.9 < time.monotonic() - start < 20  # a second for the token, one for the role
        with pytest.raises(NoCredentialsError):
            client._settings.source.current()
        assert [asked.method for asked in imds.asked] == ["PUT", "GET"]


@pytest.mark.parametrize(
    "answer",
    [
        (500, "no"),
        "",
        "not json",
        {"Code": "AssumeRoleUnauthorizedAccess", "Message": "no"},
        (400, ""),
    ],
)
def test_a_metadata_service_without_credentials_is_no_error(metadata_at: Any, answer: Any) -> None:
    with Imds(lambda: answer.copy() if isinstance(answer, dict) else answer) as imds:
        metadata_at(imds)
        with pytest.raises(NoCredentialsError):
            source_of().current()


def test_an_instance_is_tried_as_often_as_is_said(metadata_at: Any, environment: Any) -> None:
    environment.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3")
    answers: list[Any] = [(500, ""), (503, "")]
    with Imds(lambda: answers.pop() if answers else role_document()) as imds:
        metadata_at(imds)
        assert source_of().current().access_key_id == "ASIAFAKE"
    assert imds.count("GET /latest/meta-data/iam/security-credentials/the-role") == 3


def test_an_instances_old_credentials_are_used_for_some_more_minutes(
    metadata_at: Any, moved: Clock
) -> None:
    with Imds(lambda: role_document(seconds=-3600)) as imds:
        metadata_at(imds)
        found = source_of().current()
    assert found.access_key_id == "ASIAFAKE"
    assert found.expires_at.timestamp() - moved.time == 15 * 60 + 120 + 240


def test_a_dead_metadata_service_leaves_valid_credentials_in_use(
    metadata_at: Any, moved: Clock
) -> None:
    moved.time -= 3600
    with Imds() as imds:
        metadata_at(imds)
        source = source_of()
        moved.time += 3600 + 3600 - 60
        imds.document = lambda: (500, "away")
        assert source.current().access_key_id == "ASIAFAKE"
        moved.time += 120
        with pytest.raises(CredentialRetrievalError, match="from iam-role: Credential refresh"):
            source.current()
        imds.document = lambda: role_document("ASIANEW", 4 * 3600)
        assert source.current().access_key_id == "ASIANEW"


def test_the_automatic_defaults_mode_asks_where_the_instance_is(
    metadata_at: Any, environment: Any
) -> None:
    for region, timeout in (("eu-west-1", 1.1), ("us-east-1", 3.1)):
        with Imds() as imds:
            metadata_at(imds)
            environment.setenv("AWS_DEFAULTS_MODE", "auto")
            client = sagewire.client(
                region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
            )
            assert client.meta.config.connect_timeout == timeout
            assert repr(imds.asked[-1]) == "GET /latest/meta-data/placement/availability-zone/"
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = sagewire.client(aws_access_key_id="a", aws_secret_access_key="b")
    assert client.meta.config.connect_timeout == 3.1


# Containers


def test_a_containers_token_is_read_anew_for_every_refresh(
    environment: Any, tmp_path: Path, moved: Clock
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    with Fake(lambda _asked: role_document(seconds=3600)) as pod:
        environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/v1/credentials?a=b")
        environment.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
        source = source_of()
        token.write_text("second")
        moved.time += 3600
        source._kept = (*source._kept[:1], 0.0, 0.0, 0.0)
        source.current()
    assert [asked.headers["authorization"] for asked in pod.asked] == ["first", "second"]
    assert {asked.headers["accept"] for asked in pod.asked} == {"application/json"}
    assert pod.asked[0].query == {"a": "b"}
    assert (source.method, source.features) == ("container-role", ("z",))


def test_a_container_is_asked_three_times_a_second_apart(environment: Any, moved: Clock) -> None:
    with Fake(lambda _asked: (503, "busy")) as pod:
        environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/c")
        with pytest.raises(CredentialRetrievalError, match="Received non 200 response 503"):
            sagewire.client()
    assert len(pod.asked) == 3
    assert moved.slept == [1, 1, 1]


def test_a_token_that_would_break_the_head_is_refused(environment: Any) -> None:
    with Fake(lambda _asked: role_document()) as pod:
        environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/c")
        environment.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "s3cr3t\r\nX: y")
        with pytest.raises(ValueError, match="Auth token value is not a legal header") as raised:
            sagewire.client()
    assert "s3cr3t" not in str(raised.value)
    assert not pod.asked


# STS

BASE = "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = SKBASE\n"


def test_a_role_is_assumed_at_the_first_use_and_again_before_its_end(
    environment: Any, config_file: Write, moved: Clock
) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = ext\n")
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        assert not sts.asked
        assert source.at_hand() is None
        assert source.current().access_key_id == "ASIA1"
        assert source.current() is source.at_hand()
        moved.time += 3700
        sts.seconds = 2 * 3700
        assert source.current().access_key_id == "ASIA2"
    first, second = (asked.form for asked in sts.asked)
    assert first == second
    assert first.pop("RoleSessionName").startswith("botocore-session-")
    assert first == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "ExternalId": "ext",
        "RoleArn": ROLE,
    }
    head = sts.asked[0].headers
    assert head["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert "Credential=AKBASE/" in head["authorization"]
    assert "/us-east-1/sts/aws4_request" in head["authorization"]
    assert head["amz-sdk-request"] == "attempt=1; max=3"
    assert set(source.features) == {"o", "n", "i"}


def test_a_chain_of_roles_asks_from_the_bottom_up(environment: Any, config_file: Write) -> None:
    config_file(
        f"{BASE}[profile middle]\nrole_arn = {ROLE}/middle\nsource_profile = base\n"
        f"[profile top]\nrole_arn = {ROLE}/top\nsource_profile = middle\n"
    )
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        found = source_of(profile_name="top").current()
    assert [asked.form["RoleArn"] for asked in sts.asked] == [f"{ROLE}/middle", f"{ROLE}/top"]
    assert sts.asked[1].headers["x-amz-security-token"] == f"{ROLE}/middle"
    assert found.token == f"{ROLE}/top"


def test_a_role_of_an_instance(metadata_at: Any, environment: Any, config_file: Write) -> None:
    config_file(f"[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
    with Imds() as imds, Sts() as sts:
        metadata_at(imds)
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        source.current()
    assert sts.asked[0].headers["x-amz-security-token"] == "faketoken"
    assert source.features == ("p", "0", "i")


@pytest.mark.parametrize("way", [["a", "b", "a"], ["a", "b", "c", "b"], ["a", "a"]])
def test_roles_that_lead_back_are_an_error(config_file: Write, way: list[str]) -> None:
    config_file(
        "".join(
            f"[profile {name}]\nrole_arn = {ROLE}\nsource_profile = {after}\n"
            for name, after in itertools.pairwise(way)
        )
    )
    with pytest.raises(InfiniteLoopConfigError) as raised:
        sagewire.client(profile_name="a")
    assert f"from profile {way[-1]} which has already been visited" in str(raised.value)


def test_a_one_time_code_is_asked_for_once(
    environment: Any, config_file: Write, moved: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []

    def typed(prompt: str) -> str:
        prompts.append(prompt)
        return "123456"

    monkeypatch.setattr("getpass.getpass", typed)
    serial = "arn:aws:iam::1:mfa/me"
    config_file(
        f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = {serial}\n"
    )
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        source.current()
        assert source_of().current() is source.current()
        form = sts.asked[0].form
        assert (form["SerialNumber"], form["TokenCode"]) == (serial, "123456")
        moved.time += 3700
        with pytest.raises(RefreshWithMFAUnsupportedError):
            source.current()
    assert prompts == [f"Enter MFA code for {serial}: "]


def test_sts_errors_are_the_services_own(environment: Any, config_file: Write) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    with Fake(lambda _asked: (400, sts_error("MalformedPolicyDocument"))) as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        with pytest.raises(ClientError) as raised:
            source.current()
    assert type(raised.value).__name__ == "MalformedPolicyDocumentException"
    assert raised.value.operation_name == "AssumeRole"
    assert raised.value.response["ResponseMetadata"]["RequestId"] == "r-1"
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert len(sts.asked) == 1


@pytest.mark.parametrize(
    ("variables", "attempts"),
    [
        ({}, 3),
        ({"AWS_RETRY_MODE": "legacy"}, 5),
        ({"AWS_MAX_ATTEMPTS": "2"}, 2),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [(503, "<html>"), (500, ""), (400, sts_error("Throttling")), (429, "")],
)
def test_sts_is_tried_again_by_the_rules_of_the_retry_mode(
    environment: Any,
    config_file: Write,
    moved: Clock,
    variables: dict[str, str],
    attempts: int,
    answer: Any,
) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    for name, value in variables.items():
        environment.setenv(name, value)
    with Fake(lambda _asked: answer) as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with pytest.raises(ClientError) as raised:
            source_of().current()
    assert len(sts.asked) == attempts
    legacy = variables.get("AWS_RETRY_MODE") == "legacy"
    progress = [request.headers["amz-sdk-request"] for request in sts.asked]
    assert progress[0] == "attempt=1" + ("" if legacy else f"; max={attempts}")
    assert progress[-1] == f"attempt={attempts}; max={attempts}"
    assert len(moved.slept) == attempts - 1
    assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == attempts - 1


def test_a_web_identity_is_read_anew_and_sent_without_a_signature(
    environment: Any, tmp_path: Path, moved: Clock
) -> None:
    token = tmp_path / "token"
    token.write_text("first.jwt")
    environment.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    environment.setenv("AWS_ROLE_ARN", ROLE)
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        source.current()
        token.write_text("second.jwt")
        moved.time += 3700
        sts.seconds = 2 * 3700
        source.current()
    assert [asked.form["WebIdentityToken"] for asked in sts.asked] == ["first.jwt", "second.jwt"]
    assert all("authorization" not in asked.headers for asked in sts.asked)
    assert source.method == "assume-role-with-web-identity"
    assert source.features == ("h", "k")


def test_the_identity_providers_failure_is_worth_another_try(
    environment: Any, tmp_path: Path, moved: Clock
) -> None:
    (tmp_path / "token").write_text("a.jwt")
    environment.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    environment.setenv("AWS_ROLE_ARN", ROLE)
    with Fake(lambda _asked: (400, sts_error("IDPCommunicationError"))) as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with pytest.raises(ClientError):
            source_of().current()
    assert len(sts.asked) == 3


def test_a_hanging_sts_is_no_reason_for_calls_to_wait_while_the_old_are_valid(
    environment: Any, config_file: Write, moved: Clock
) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        source = source_of()
        source.current()
        moved.time += 48 * 60
        sts.answer = lambda _asked: HANG
        start = time.monotonic()
        for _ in range(1000):
            assert source.current().access_key_id == "ASIA1"
        assert time.monotonic() - start < 5
        end = time.monotonic() + 20
        while len(sts.asked) < 2 and time.monotonic() < end:
            time.sleep(0.001)
        assert len(sts.asked) == 2


def test_a_proxy_of_the_environment_is_on_the_way_to_sts_and_to_an_instance(
    metadata_at: Any, environment: Any, config_file: Write
) -> None:
    """As in botocore, whose metadata service goes through it too; a container's does not."""
    config_file(f"[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")
    with Imds() as imds, Sts() as sts:
        targets = []

        def forwarding(asked: Asked) -> Any:
            targets.append((asked.target, asked.headers["proxy-authorization"]))
            return (imds if asked.path.startswith("/latest") else sts).answer(asked)

        with Fake(forwarding) as proxy:
            environment.setenv("HTTP_PROXY", proxy.url.replace("//", "//user:pass@"))
            environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://imds.test")
            environment.setenv("AWS_EC2_METADATA_DISABLED", "false")
            environment.setenv("AWS_ENDPOINT_URL_STS", "http://sts.test:81")
            source_of().current()
        with Fake(lambda _asked: role_document("ASIAPOD")) as pod:
            environment.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/c")
            config_file("")
            assert source_of().current().access_key_id == "ASIAPOD"
    basic = "Basic dXNlcjpwYXNz"
    assert targets == [
        ("http://imds.test/latest/api/token", basic),
        ("http://imds.test/latest/meta-data/iam/security-credentials/", basic),
        ("http://imds.test/latest/meta-data/iam/security-credentials/the-role", basic),
        ("http://sts.test:81/", basic),
    ]


def test_parameters_are_checked_as_botocore_checks_them(
    environment: Any, config_file: Write
) -> None:
    config_file(
        f"{BASE}[default]\nrole_arn = short\nsource_profile = base\nexternal_id = x\n"
        "duration_seconds = 5\nrole_session_name = y\n"
    )
    with pytest.raises(ParamValidationError) as raised:
        source_of().current()
    assert str(raised.value) == (
        "Parameter validation failed:\n"
        "Invalid length for parameter RoleSessionName, value: 1, valid min length: 2\n"
        "Invalid length for parameter ExternalId, value: 1, valid min length: 2\n"
        "Invalid value for parameter DurationSeconds, value: 5, valid min value: 900\n"
        "Invalid length for parameter RoleArn, value: 5, valid min length: 20"
    )


# IAM Identity Center

SSO = """[default]
sso_session = mine
sso_account_id = 123456789012
sso_role_name = reader
[sso-session mine]
sso_start_url = https://start.test/
sso_region = eu-central-1
"""


def keep_token(home: Path, name: str, **token: Any) -> Path:
    import hashlib

    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    path = home / ".aws" / "sso" / "cache" / f"{digest}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(token))
    return path


def portal(asked: Asked) -> Any:
    """Answer as the portal and as the token service."""
    if asked.path == "/token":
        return {"accessToken": "new-token", "expiresIn": 28800, "refreshToken": "new-refresh"}
    return {
        "roleCredentials": {
            "accessKeyId": "ASIASSO",
            "secretAccessKey": "s",
            "sessionToken": asked.headers["x-amz-sso_bearer_token"],
            "expiration": int((clock.now() + 3600) * 1000),
        }
    }


def test_sso_asks_the_portal_with_the_token_of_the_login(
    environment: Any, config_file: Write, tmp_path: Path
) -> None:
    config_file(SSO)
    keep_token(tmp_path, "mine", accessToken="kept", expiresAt=stamp(3600))
    with Fake(portal) as sso:
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        source = source_of()
        assert not sso.asked
        found = source.current()
    assert (found.access_key_id, found.token) == ("ASIASSO", "kept")
    (asked,) = sso.asked
    assert repr(asked) == "GET /federation/credentials"
    assert asked.query == {"role_name": "reader", "account_id": "123456789012"}
    assert "authorization" not in asked.headers
    assert (source.method, source.features) == ("sso", ("r", "s"))


def test_a_token_of_a_login_is_renewed_and_kept(
    environment: Any, config_file: Write, tmp_path: Path
) -> None:
    config_file(SSO)
    path = keep_token(
        tmp_path,
        "mine",
        accessToken="kept",
        expiresAt=stamp(300),
        refreshToken="refresh",
        clientId="client",
        clientSecret="client-secret",
        registrationExpiresAt=stamp(3600),
    )
    with Fake(portal) as sso:
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        assert source_of().current().token == "new-token"
    assert [repr(asked) for asked in sso.asked] == ["POST /token", "GET /federation/credentials"]
    assert json.loads(sso.asked[0].body) == {
        "grantType": "refresh_token",
        "clientId": "client",
        "clientSecret": "client-secret",
        "refreshToken": "refresh",
    }
    kept = json.loads(path.read_text())
    assert (kept["accessToken"], kept["refreshToken"]) == ("new-token", "new-refresh")
    assert (kept["startUrl"], kept["region"]) == ("https://start.test/", "eu-central-1")
    assert path.stat().st_mode & 0o077 == 0
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_refused_renewal_leaves_a_token_that_is_still_valid(
    environment: Any, config_file: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config_file(SSO)
    options = {
        "accessToken": "kept",
        "refreshToken": "r3fr3sh",
        "clientId": "client",
        "clientSecret": "cl13nt",
        "registrationExpiresAt": stamp(3600),
    }

    def refusing(asked: Asked) -> Any:
        if asked.path == "/token":
            return 400, {"error": "invalid_grant", "-headers": {"x-amzn-ErrorType": "Invalid"}}
        return portal(asked)

    keep_token(tmp_path, "mine", expiresAt=stamp(300), **options)
    with Fake(refusing) as sso, caplog.at_level(logging.DEBUG):
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        assert source_of().current().token == "kept"
        assert "SSO token refresh attempt failed" in caplog.text
        keep_token(tmp_path, "mine", expiresAt=stamp(-1), **options)
        environment.setenv("AWS_ENDPOINT_URL_STS", "http://another.test")  # another configuration
        with pytest.raises(TokenRetrievalError, match="Token has expired and refresh failed"):
            source_of().current()
    assert "r3fr3sh" not in caplog.text
    assert "cl13nt" not in caplog.text


def test_a_legacy_login_that_is_over_is_not_sent(
    environment: Any, config_file: Write, tmp_path: Path
) -> None:
    config_file(
        "[default]\nsso_start_url = https://start.test/\nsso_region = eu-central-1\n"
        "sso_account_id = 1\nsso_role_name = r\n"
    )
    with Fake(portal) as sso:
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        source = source_of()
        with pytest.raises(SSOTokenLoadError, match=r"Token for .* does not exist"):
            source.current()
        keep_token(tmp_path, "https://start.test/", accessToken="kept", expiresAt=stamp(-1))
        with pytest.raises(UnauthorizedSSOTokenError):
            source.current()
        assert not sso.asked
        keep_token(
            tmp_path,
            "https://start.test/",
            accessToken="kept",
            expiresAt=stamp(60).replace("Z", "UTC"),  # as older tools wrote it
        )
        assert source.current().token == "kept"
    assert source.features == ("t", "u")


# Programs


def test_a_program_is_run_again_before_its_credentials_end(
    config_file: Write, tmp_path: Path, moved: Clock
) -> None:
    script = tmp_path / "give.sh"
    script.write_text(
        "#!/bin/sh\necho run >> runs\n"
        'printf \'{"Version": 1, "AccessKeyId": "AK%s", "SecretAccessKey": "s", '
        f'"Expiration": "{stamp(7200)}"}}\' "$(wc -l < runs)"\n'
    )
    script.chmod(0o755)
    config_file(f"[default]\ncredential_process = {script}\n")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        source = source_of()
        assert source.current().access_key_id == "AK1"
        assert source_of() is source
        moved.time += 7200 - 300
        assert source.current().access_key_id == "AK2"
    finally:
        os.chdir(here)
    assert (source.method, source.features) == ("custom-process", ("v", "w"))


def test_what_a_program_printed_is_never_shown(config_file: Write) -> None:
    config_file('[default]\ncredential_process = echo \'{"SecretAccessKey": "s3cr3t"\'\n')
    with pytest.raises(CredentialRetrievalError) as raised:
        sagewire.client()
    assert isinstance(raised.value, ValueError)
    assert "the output is no JSON" in str(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        assert "s3cr3t" not in str(error) + repr(vars(error))
        error = error.__cause__


# Clients that may not wait


def test_a_search_that_may_wait_is_left_to_the_first_use(
    metadata_at: Any, environment: Any
) -> None:
    from sagewire.client.settings import Settings

    def settings() -> Settings:
        return Settings(
            service_name="sagemaker-runtime",
            region_name=None,
            api_version=None,
            use_ssl=True,
            verify=None,
            endpoint_url=None,
            keys=(None, None, None),
            config=None,
            profile_name=None,
            session=None,
            credentials=None,
            search_later=True,
        )

    with Imds() as imds:
        metadata_at(imds)
        source = settings().source
        assert source.at_hand() is None
        assert not imds.asked
        assert pickle.loads(pickle.dumps(source)).current().access_key_id == "ASIAFAKE"
        assert source.current().access_key_id == "ASIAFAKE"
        assert source.at_hand() is source.current()
        assert source.method == "iam-role"
        environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "s")
        assert settings().source.at_hand().access_key_id == "AKID"


def test_a_client_with_a_fetching_source_pickles(metadata_at: Any) -> None:
    with Imds() as imds:
        metadata_at(imds)
        client = sagewire.client()
        data = pickle.dumps(client)
        assert b"fakesecret" not in data
        assert pickle.loads(data)._settings.source.current().access_key_id == "ASIAFAKE"
    assert imds.count("PUT") == 2
