"""The sources that ask an instance, a container or a program, against fakes of these."""

import json
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sagewire
from sagewire.exceptions import (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
)
from tests.credentials.conftest import Clock
from tests.support.fakes import HANG, Asked, Fake, Imds, role_document, source_of, stamp

ROLE = "arn:aws:iam::123456789012:role/r"
Write = Callable[..., None]


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


# Answers that cannot be read

BAD_DATE = "the expiration is not a date: 'soon'"


def test_an_expiration_that_is_no_date_names_its_source(
    environment: Any, config_file: Write, metadata_at: Any
) -> None:
    document = role_document()
    document["Expiration"] = "soon"
    with Fake(lambda _asked: document) as pod, environment.context() as patch:
        patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{pod.url}/c")
        with pytest.raises(CredentialRetrievalError, match=f"from container-role: {BAD_DATE}"):
            sagewire.client()
    printed = {"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "s", "Expiration": "soon"}
    config_file(f"[default]\ncredential_process = echo '{json.dumps(printed)}'\n")
    with pytest.raises(CredentialRetrievalError, match=f"from custom-process: {BAD_DATE}"):
        sagewire.client()
    config_file("")
    environment.setenv("AWS_ACCESS_KEY_ID", "AK")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "s")
    environment.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
    with pytest.raises(ValueError, match=r"^AWS_CREDENTIAL_EXPIRATION: not a date: 'soon'"):
        sagewire.client()


def test_words_that_are_no_utf8_are_shown_all_the_same(config_file: Write, tmp_path: Path) -> None:
    script = tmp_path / "fail.sh"
    script.write_bytes(b"#!/bin/sh\nprintf 'caf\\351' >&2; exit 1\n")
    script.chmod(0o755)
    config_file(f"[default]\ncredential_process = {script}\n")
    with pytest.raises(CredentialRetrievalError, match="from custom-process: caf\ufffd"):
        sagewire.client()
