"""Roles that STS gives out, against fakes that say what they were asked."""

import itertools
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import sagewire
from sagewire.exceptions import (
    ClientError,
    InfiniteLoopConfigError,
    ParamValidationError,
    RefreshWithMFAUnsupportedError,
)
from tests.credentials.conftest import Clock
from tests.support.fakes import (
    HANG,
    Asked,
    Fake,
    Imds,
    Sts,
    role_document,
    source_of,
    sts_error,
)

ROLE = "arn:aws:iam::123456789012:role/r"
Write = Callable[..., None]


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


@pytest.mark.parametrize(
    ("configured", "target"),
    [("", "/"), ("/", "/"), ("/sts", "/sts"), ("/sts/", "/sts/"), ("/a/b?x=1#f", "/a/b?x=1")],
)
def test_the_path_of_a_configured_url_is_whole(
    environment: Any, config_file: Write, configured: str, target: str
) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    with Sts() as sts:
        environment.setenv("AWS_ENDPOINT_URL_STS", sts.url + configured)
        source_of().current()
        environment.setenv("AWS_PROFILE", "default")
        botocore.session.Session().get_credentials().get_frozen_credentials()
    assert [asked.target for asked in sts.asked] == [target, target]


def test_a_configured_url_without_a_scheme_is_none(environment: Any, config_file: Write) -> None:
    config_file(f"{BASE}[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    environment.setenv("AWS_ENDPOINT_URL_STS", "sts.test")
    with pytest.raises(ValueError, match=r"^Invalid endpoint: sts\.test$"):
        source_of().current()


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
