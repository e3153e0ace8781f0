"""`login_session`: a session of the AWS console, renewed by botocore's own provider beside us.

botocore signs its proof of possession with awscrt's keys, which change other things of boto3 where
they are installed. Here they are those of `cryptography`, in the four methods that botocore calls.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.exceptions
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.support.fakes import Asked, Fake, source_of, stamp

SESSION = "arn:aws:iam::123456789012:user/me"
PROFILE = f"[default]\nlogin_session = {SESSION}\n"


class Key:
    """awscrt's `EC`, as far as botocore uses it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def new_key_from_der_data(cls, data: bytes) -> "Key":
        key = serialization.load_der_private_key(data, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key)

    def get_public_coords(self) -> tuple[bytes, bytes]:
        numbers = self._key.public_key().public_numbers()
        return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    @staticmethod
    def decode_der_signature_to_padded_pair(signature: bytes, pad_to: int) -> bytes:
        return b"".join(
            number.to_bytes(pad_to, "big") for number in utils.decode_dss_signature(signature)
        )


KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.credentials, "EC", Key)


@pytest.fixture
def keep(tmp_path: Path, config_file: Callable[..., None]) -> Callable[[float], Path]:
    config_file(PROFILE)
    path = tmp_path / ".aws" / "login" / "cache"
    path = path / f"{hashlib.sha256(SESSION.encode()).hexdigest()}.json"
    path.parent.mkdir(parents=True)

    def keep(seconds: float) -> Path:
        keys = {"accessKeyId": "AKOLD", "secretAccessKey": "old", "sessionToken": "old-token"}
        pem = KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        token = {
            "accessToken": {**keys, "accountId": "123456789012", "expiresAt": stamp(seconds)},
            "refreshToken": "refresh",
            "dpopKey": pem.decode(),
            "clientId": "client",
        }
        path.write_text(json.dumps(token))
        return path

    return keep


def signin(asked: Asked) -> Any:
    """Answer as the sign-in service, which checks the proof."""
    proof = asked.headers["dpop"]
    signed, _, signature = proof.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        KEY.public_key().verify(
            utils.encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return 400, "{}"
    if json.loads(asked.body)["refreshToken"] != "refresh":
        return 400, "{}"
    keys = {"accessKeyId": "AKNEW", "secretAccessKey": "new", "sessionToken": "new-token"}
    return {"accessToken": keys, "tokenType": "x", "expiresIn": 900, "refreshToken": "again"}


def test_a_session_that_is_valid_is_used_as_it_is(environment: Any, keep: Any) -> None:
    keep(3600)
    with Fake(signin) as service:
        environment.setenv("AWS_ENDPOINT_URL_SIGNIN", service.url)
        source = source_of()
        found = source.current()
    assert (found.access_key_id, found.token, source.method) == ("AKOLD", "old-token", "login")
    assert not service.asked


def test_a_session_that_is_over_is_renewed_and_kept(environment: Any, keep: Any) -> None:
    path = keep(-10)
    with Fake(signin) as service:
        environment.setenv("AWS_ENDPOINT_URL_SIGNIN", service.url)
        found = source_of().current()
    assert (found.access_key_id, found.token) == ("AKNEW", "new-token")
    (asked,) = service.asked
    assert repr(asked) == "POST /v1/token"
    kept = json.loads(path.read_text())
    assert (kept["accessToken"]["accessKeyId"], kept["refreshToken"]) == ("AKNEW", "again")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ("TOKEN_EXPIRED", "LoginRefreshRequired"),
        ("INSUFFICIENT_PERMISSIONS", "LoginInsufficientPermissions"),
        ("OTHER", "LoginError"),
    ],
)
def test_a_refused_renewal_is_botocores_error(
    environment: Any, keep: Any, error: str, name: str
) -> None:
    keep(-10)
    refusal = {
        "error": error,
        "message": "m",
        "-headers": {"x-amzn-errortype": "AccessDeniedException"},
    }
    with Fake(lambda _asked: (400, dict(refusal))) as service:
        environment.setenv("AWS_ENDPOINT_URL_SIGNIN", service.url)
        with pytest.raises(botocore.exceptions.BotoCoreError) as raised:
            source_of().current()
    assert type(raised.value).__name__ == name


def test_no_session_is_kept(config_file: Callable[..., None]) -> None:
    config_file(PROFILE)
    with pytest.raises(botocore.exceptions.BotoCoreError, match="Unable to load a existing login"):
        source_of()
