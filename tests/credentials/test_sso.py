"""IAM Identity Center, against a fake of its portal that says what it was asked."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.config import Config as BotocoreConfig
from botocore.exceptions import ClientError as BotocoreClientError

from sagewire.credentials import clock
from sagewire.exceptions import (
    ClientError,
    CredentialRetrievalError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from tests.support.fakes import (
    Asked,
    Fake,
    source_of,
    stamp,
)

ROLE = "arn:aws:iam::123456789012:role/r"
Write = Callable[..., None]


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"expiration": "soon"}, "the expiration is not a number of milliseconds since 1970"),
        ({"expiration": 10**30}, "the expiration is not a number of milliseconds since 1970"),
        ({}, "the answer has not all of"),
    ],
)
def test_an_answer_of_the_portal_that_cannot_be_read_names_its_source(
    environment: Any, config_file: Write, tmp_path: Path, answer: Any, words: str
) -> None:
    config_file(SSO)
    keep_token(tmp_path, "mine", accessToken="kept", expiresAt=stamp(3600))
    keys = {"accessKeyId": "ASIA", "secretAccessKey": "s3cr3t", "sessionToken": "t"}
    with Fake(lambda _asked: {"roleCredentials": {**keys, **answer}}) as sso:
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        with pytest.raises(CredentialRetrievalError, match=f"from sso: {words}") as raised:
            source_of().current()
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("kept", "answer", "words"),
    [
        ({"expiresAt": "soon"}, {}, "the expiration is not a date: 'soon'"),
        ({"expiresAt": 5}, {}, "the expiration is not a date: int"),
        ({"registrationExpiresAt": "soon"}, {}, "the expiration is not a date: 'soon'"),
        ({}, {"accessToken": "new"}, "the answer has no expiresIn"),
        ({}, {"expiresIn": 5}, "the answer has no accessToken"),
    ],
)
def test_a_token_that_cannot_be_read_names_its_source(
    environment: Any, config_file: Write, tmp_path: Path, kept: Any, answer: Any, words: str
) -> None:
    config_file(SSO)
    whole = {
        "accessToken": "kept",
        "expiresAt": stamp(300),
        "refreshToken": "refresh",
        "clientId": "client",
        "clientSecret": "client-secret",
        "registrationExpiresAt": stamp(3600),
    }
    keep_token(tmp_path, "mine", **{**whole, **kept})
    with Fake(lambda _asked: answer) as sso:
        environment.setenv("AWS_ENDPOINT_URL", sso.url)
        with pytest.raises(CredentialRetrievalError, match=f"from sso: {words}"):
            source_of().current()


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"__type": "com.amazonaws#ResourceNotFoundException", "message": "no"},
        {"__type": "ResourceNotFoundException"},
        {"code": "InvalidRequestException", "message": None},
        {"code": "Other", "Message": "no"},
        {"message": "no"},
    ],
)
def test_an_error_of_the_portal_is_botocores(
    environment: Any, config_file: Write, tmp_path: Path, status: int, body: dict[str, Any]
) -> None:
    config_file(SSO)
    keep_token(tmp_path, "mine", accessToken="token", expiresAt=stamp(3600))
    environment.setenv("AWS_MAX_ATTEMPTS", "1")
    with Fake(lambda _asked: (status, json.dumps(body))) as sso:
        environment.setenv("AWS_ENDPOINT_URL_SSO", sso.url)
        with pytest.raises(ClientError) as ours:
            source_of().current()
        unsigned = BotocoreConfig(signature_version=botocore.UNSIGNED)
        client = botocore.session.Session().create_client("sso", "us-east-1", config=unsigned)
        with pytest.raises(BotocoreClientError) as theirs:
            client.get_role_credentials(roleName="r", accountId="1", accessToken="t")
    assert type(ours.value).__name__ == type(theirs.value).__name__
    assert str(ours.value) == str(theirs.value)
    for told in (ours.value.response, theirs.value.response):
        told["ResponseMetadata"].pop("HTTPHeaders")
    assert list(ours.value.response.items()) == list(theirs.value.response.items())
