"""boto3 itself beside our client: what a `Config` and an environment come to."""

from typing import Any

import boto3
import pytest
from botocore.config import Config as BotocoreConfig

import sagewire
from sagewire.config import DEFAULTS

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
SESSION = boto3.Session()
# What ours and theirs cannot have in common, and what smart defaults say of another service.
DIFFERENT = ("user_agent", "signature_version", "s3")


def shown(config: Any) -> dict[str, Any]:
    return {field: getattr(config, field) for field in DEFAULTS if field not in DIFFERENT}


def both(**fields: Any) -> tuple[Any, Any]:
    outcomes: list[Any] = []
    for cls, make in ((BotocoreConfig, SESSION.client), (sagewire.Config, sagewire.client)):
        given = {key: dict(v) if isinstance(v, dict) else v for key, v in fields.items()}
        try:
            config = cls(**given) if fields else None
            client = make("sagemaker-runtime", config=config, **KEYS)
        except Exception as error:
            outcomes.append((type(error).__name__, str(error)))
        else:
            outcomes.append(shown(client.meta.config))
            client.close()
    return outcomes[0], outcomes[1]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user_agent_extra": False},
        {"user_agent_extra": []},
        {"user_agent_appid": "an app"},
        {"connect_timeout": 5, "read_timeout": 0.5},
        {"connect_timeout": None},
        {"connect_timeout": None, "defaults_mode": "in-region"},
        {"connect_timeout": 0},
        {"read_timeout": "5"},
        {"parameter_validation": False},
        {"max_pool_connections": 0},
        {
            "proxies": {"https": "http://proxy.test:3128"},
            "proxies_config": {"proxy_ca_bundle": "x"},
        },
        {"s3": {"addressing_style": "path", "disable_s3_express_session_auth": True}},
        {"s3_disable_express_session_auth": True},
        {"retries": {"mode": "adaptive", "max_attempts": 3}},
        {"retries": {"total_max_attempts": 0}},
        {"retries": {"mode": "Standard"}},
        {"client_cert": ("cert.pem", "key.pem")},
        {"inject_host_prefix": False},
        {"endpoint_discovery_enabled": True},
        {"use_dualstack_endpoint": True},
        {"use_fips_endpoint": True},
        {"use_fips_endpoint": False},
        {"ignore_configured_endpoint_urls": True},
        {"defaults_mode": None},
        {"defaults_mode": "legacy"},
        {"defaults_mode": "In-Region"},
        {"defaults_mode": "mobile", "connect_timeout": 7},
        {"defaults_mode": "nope"},
        {"tcp_keepalive": True},
        {"tcp_keepalive": "x"},
        {"request_min_compression_size_bytes": "100"},
        {"request_min_compression_size_bytes": 1.5},
        {"request_min_compression_size_bytes": 0},
        {"disable_request_compression": "TRUE"},
        {"client_context_params": {"any": "thing"}},
        {"sigv4a_signing_region_set": "*"},
        {"request_checksum_calculation": "WHEN_REQUIRED"},
        {"response_checksum_validation": 5},
        {"account_id_endpoint_mode": "Required"},
        {"account_id_endpoint_mode": "Bogus"},
        {"auth_scheme_preference": " sigv4 , noAuth,"},
        {"auth_scheme_preference": 5},
        {"auth_scheme_preference": ""},
    ],
    ids=repr,
)
def test_a_config_comes_to_the_same(fields: dict[str, Any], clean_environment: Any) -> None:
    theirs, ours = both(**fields)
    assert ours == theirs


@pytest.mark.parametrize("value", [0, "", 1, "true"])
@pytest.mark.parametrize("field", ["use_fips_endpoint", "use_dualstack_endpoint"])
def test_a_switch_of_another_type_counts_or_is_refused_as_in_boto3(
    field: str, value: Any, clean_environment: Any
) -> None:
    told = []
    for cls, make in ((BotocoreConfig, SESSION.client), (sagewire.Config, sagewire.client)):
        client = make("sagemaker-runtime", config=cls(**{field: value}), **KEYS)
        try:
            url = client.generate_presigned_url(
                "invoke_endpoint", {"EndpointName": "e", "Body": b""}
            )
        except Exception as error:
            told.append((type(error).__name__, str(error)))
        else:
            told.append(url.partition("?")[0])
    assert told[1] == told[0]


def test_a_region_that_asks_for_fips_counts_as_a_config(clean_environment: Any) -> None:
    clean_environment.setenv("AWS_DEFAULTS_MODE", "in-region")
    for region in ("us-east-1", "us-east-1-fips"):
        shown_by = []
        for make in (SESSION.client, sagewire.client):
            client = make("sagemaker-runtime", **{**KEYS, "region_name": region})
            shown_by.append((client.meta.config.connect_timeout, client.meta.endpoint_url))
        assert shown_by[1] == shown_by[0]


def test_a_services_section_that_is_not_there_is_told_before_a_region(
    clean_environment: Any, tmp_path: Any
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nservices = nope\n")
    told = []
    for make in (boto3.Session().client, sagewire.client):
        with pytest.raises(Exception) as raised:
            make("sagemaker-runtime")
        told.append((type(raised.value).__name__, str(raised.value)))
    assert told[1] == told[0]


def test_an_empty_signature_version_in_the_file_is_none(
    clean_environment: Any, tmp_path: Any
) -> None:
    (tmp_path / ".aws").mkdir()
    text = "[default]\nruntime.sagemaker =\n  signature_version =\n"
    (tmp_path / ".aws" / "config").write_text(text)
    for make in (boto3.Session().client, sagewire.client):
        assert make("sagemaker-runtime", **KEYS).meta.config.signature_version == "v4"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "77"),
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "x"),
        ("AWS_DISABLE_REQUEST_COMPRESSION", "True"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "When_Required"),
        ("AWS_RESPONSE_CHECKSUM_VALIDATION", "never"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"),
        ("AWS_AUTH_SCHEME_PREFERENCE", "noAuth, sigv4"),
        ("AWS_SIGV4A_SIGNING_REGION_SET", "us-east-1"),
        ("AWS_USE_FIPS_ENDPOINT", "True"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_DEFAULTS_MODE", "mobile"),
        ("AWS_DEFAULTS_MODE", ""),
        ("AWS_STS_REGIONAL_ENDPOINTS", "x"),
        ("AWS_STS_REGIONAL_ENDPOINTS", ""),
        ("AWS_RETRY_MODE", "legacy"),
        ("AWS_MAX_ATTEMPTS", "7"),
        ("AWS_SDK_UA_APP_ID", "app"),
    ],
)
def test_an_environment_comes_to_the_same(name: str, value: str, clean_environment: Any) -> None:
    clean_environment.setenv(name, value)
    theirs, ours = both()
    assert ours == theirs
    theirs, ours = both(user_agent_extra="with/config")
    assert ours == theirs
    theirs, ours = both(connect_timeout=None)
    assert ours == theirs


def test_the_user_agent_is_the_one_that_is_sent(clean_environment: Any) -> None:
    config = sagewire.Config(user_agent_extra="more/1")
    with sagewire.client(config=config, **KEYS) as client:
        assert client.meta.config.user_agent == client._settings.user_agent()
        assert client.meta.config.user_agent.endswith(" more/1")


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_DEFAULT_REGION": "us_east", "AWS_ACCESS_KEY_ID": "AKID"},
        {"AWS_DEFAULT_REGION": "us_east", "AWS_DEFAULTS_MODE": "bogus"},
        {"AWS_DEFAULTS_MODE": "bogus"},
        {"AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "0", "AWS_RETRY_MODE": "bogus"},
        {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "0",
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "bogus",
        },
        {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_RETRY_MODE": "bogus",
            "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "x",
        },
    ],
    ids="-".join,
)
def test_of_two_mistakes_the_same_one_is_told(
    environment: dict[str, str], clean_environment: Any
) -> None:
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    told = []
    for make in (boto3.Session().client, sagewire.client):
        with pytest.raises(Exception) as raised:
            make("sagemaker-runtime")
        told.append((type(raised.value).__name__, str(raised.value)))
    assert told[1] == told[0]
