"""A service that is not ours: a role is assumed at moto's STS, and its keys are moto's own."""

from collections.abc import Callable, Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

import sagewire

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_role_that_moto_gives(
    url: str, environment: pytest.MonkeyPatch, config_file: Callable[[str], None]
) -> None:
    environment.setenv("AWS_ENDPOINT_URL_STS", url)
    config_file(
        "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = SKBASE\n"
        f"[default]\nrole_arn = {ROLE}\nsource_profile = base\nrole_session_name = mine\n"
    )
    found = sagewire.client()._settings.source.current()
    assert found.access_key_id.startswith("ASIA")
    assert found.expires_at is not None
    identity = boto3.client(
        "sts",
        endpoint_url=url,
        aws_access_key_id=found.access_key_id,
        aws_secret_access_key=found.secret_access_key,
        aws_session_token=found.token,
    ).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/reader/mine"
