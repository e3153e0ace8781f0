"""Every field of `Config`: its effect is seen from outside, or it is known to have none."""

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

import sagewire
from sagewire.config import DEFAULTS
from sagewire.exceptions import (
    ClientError,
    ConnectTimeoutError,
    InvalidChecksumConfigError,
    InvalidConfigError,
    ParamValidationError,
    ReadTimeoutError,
)
from tests.support.capture import Captured, CaptureServer
from tests.support.deaf import deaf

ERROR_500 = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
Made = Callable[..., Any]


@pytest.fixture(autouse=True)
def _clean(clean_environment: pytest.MonkeyPatch) -> None:
    pass


@pytest.fixture
def made(make_client: Any) -> Made:
    """Return what makes a client of a config, for either driver."""

    def client_of(config: Any = None, **arguments: Any) -> Any:
        arguments = {"region_name": "us-east-1", **KEYS, **arguments}
        return make_client(config=config, **arguments)

    return client_of


def sent(made: Made, config: sagewire.Config, **parameters: Any) -> Captured:
    """Return the one request that a client with this config sends."""
    parameters = {"EndpointName": "ep", "Body": b"{}", **parameters}
    with CaptureServer() as server, made(config, endpoint_url=server.url) as client:
        client.invoke_endpoint(**parameters)["Body"].read()
    (request,) = server.requests
    return request


def region_name(made: Made) -> None:
    client = made(sagewire.Config(region_name="eu-west-1"), region_name=None)
    assert client.meta.endpoint_url == "https://runtime.sagemaker.eu-west-1.amazonaws.com"


def signature_version(made: Made) -> None:
    unsigned = sent(made, sagewire.Config(signature_version=sagewire.UNSIGNED))
    assert unsigned.header("authorization") is None
    assert sent(made, sagewire.Config(signature_version="s3v4")).header("x-amz-content-sha256")


def user_agent(made: Made) -> None:
    value = sent(made, sagewire.Config(user_agent="mine/1")).header("user-agent")
    assert value == f"mine/1 sagewire/{sagewire.__version__}"


def user_agent_extra(made: Made) -> None:
    assert str(
        sent(made, sagewire.Config(user_agent_extra="more/2")).header("user-agent")
    ).endswith(" more/2")


def user_agent_appid(made: Made) -> None:
    value = str(sent(made, sagewire.Config(user_agent_appid="my app")).header("user-agent"))
    assert " app/my-app" in value


def connect_timeout(made: Made) -> None:
    config = sagewire.Config(connect_timeout=0.2, retries={"total_max_attempts": 1})
    with deaf() as port:
        client = made(config, endpoint_url=f"http://127.0.0.1:{port}")
        with pytest.raises(ConnectTimeoutError):
            client.invoke_endpoint(EndpointName="ep", Body=b"")


def read_timeout(made: Made) -> None:
    config = sagewire.Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    with CaptureServer([{"then": "hold"}]) as server, pytest.raises(ReadTimeoutError):
        made(config, endpoint_url=server.url).invoke_endpoint(EndpointName="ep", Body=b"")


def parameter_validation(made: Made) -> None:
    with pytest.raises(ParamValidationError):
        sent(made, sagewire.Config(), SessionId=5)
    unchecked = sent(made, sagewire.Config(parameter_validation=False), SessionId=5)
    assert unchecked.header("x-amzn-sagemaker-session-id") == "5"


def max_pool_connections(made: Made) -> None:
    config = sagewire.Config(max_pool_connections=2)
    with CaptureServer() as server, made(config, endpoint_url=server.url) as client:
        bodies = [client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"] for _ in range(4)]
        for body in bodies:
            body.read()
        # Under asyncio the others are kept for a moment, in case they are wanted again at once.
        end = time.monotonic() + 20
        while client.pool.idle > 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.pool.idle == 2


def proxies(made: Made) -> None:
    with CaptureServer() as proxy:
        config = sagewire.Config(proxies={"http": proxy.url})
        with made(config, endpoint_url="http://endpoint.test") as client:
            client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
    assert proxy.requests[0].target == "http://endpoint.test/endpoints/ep/invocations"


def proxies_config(made: Made) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with authority.cert_pem.tempfile() as bundle, CaptureServer([], context) as proxy:
        config = sagewire.Config(
            proxies={"https": proxy.url},
            proxies_config={"proxy_ca_bundle": bundle, "proxy_use_forwarding_for_https": True},
        )
        with made(config, endpoint_url="https://endpoint.test") as client:
            client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
    assert proxy.requests[0].target == "https://endpoint.test/endpoints/ep/invocations"


def retries(made: Made) -> None:
    for options, attempts in (({"total_max_attempts": 2}, 2), ({"max_attempts": 0}, 1)):
        config = sagewire.Config(retries={"mode": "standard", **options})
        with CaptureServer([ERROR_500] * 9) as server:
            client = made(config, endpoint_url=server.url)
            client._ambient.sleep = lambda _seconds: None
            with pytest.raises(ClientError):
                client.invoke_endpoint(EndpointName="ep", Body=b"")
        assert len(server.requests) == attempts


def client_cert(made: Made, folder: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    mine = authority.issue_cert("client.test")
    mine.private_key_and_cert_chain_pem.write_to_path(str(folder / "mine.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    config = sagewire.Config(client_cert=str(folder / "mine.pem"))
    with CaptureServer([], context) as server:
        with made(config, endpoint_url=server.url, verify=str(folder / "ca.pem")) as client:
            client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
        assert len(server.requests) == 1
        config = sagewire.Config(retries={"total_max_attempts": 1})
        with pytest.raises(sagewire.exceptions.BotoCoreError):
            made(config, endpoint_url=server.url, verify=str(folder / "ca.pem")).invoke_endpoint(
                EndpointName="ep", Body=b""
            )
        assert len(server.requests) == 1


def use_dualstack_endpoint(made: Made) -> None:
    url = made(sagewire.Config(use_dualstack_endpoint=True)).meta.endpoint_url
    assert url == "https://runtime.sagemaker.us-east-1.api.aws"


def use_fips_endpoint(made: Made) -> None:
    url = made(sagewire.Config(use_fips_endpoint=True)).meta.endpoint_url
    assert url == "https://runtime-fips.sagemaker.us-east-1.amazonaws.com"


def ignore_configured_endpoint_urls(made: Made) -> None:
    os.environ["AWS_ENDPOINT_URL"] = "http://configured.test"
    try:
        assert made().meta.endpoint_url == "http://configured.test"
        url = made(sagewire.Config(ignore_configured_endpoint_urls=True)).meta.endpoint_url
    finally:
        del os.environ["AWS_ENDPOINT_URL"]
    assert url == "https://runtime.sagemaker.us-east-1.amazonaws.com"


def defaults_mode(made: Made) -> None:
    for mode, timeout in (("in-region", 1.1), ("mobile", 30), ("legacy", 60)):
        assert made(sagewire.Config(defaults_mode=mode)).meta.config.connect_timeout == timeout


def tcp_keepalive(made: Made) -> None:
    for wanted in (True, False):
        with CaptureServer() as server:
            client = made(sagewire.Config(tcp_keepalive=wanted), endpoint_url=server.url)
            client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read()
            assert _probes(server.port) is wanted
            client.close()


def _probes(port: int) -> bool:
    """Say whether this process's connection to a port has keep-alive probes on."""
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(link.name))) as shared:
            state = shared.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            # Established: an earlier test's client may still hold its end of one to that port.
            if shared.getpeername()[1] == port and state == 1:
                return bool(shared.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    raise AssertionError("no connection to that port")


OBSERVED: dict[str, Callable[..., None]] = {
    effect.__name__: effect
    for effect in (
        region_name,
        signature_version,
        user_agent,
        user_agent_extra,
        user_agent_appid,
        connect_timeout,
        read_timeout,
        parameter_validation,
        max_pool_connections,
        proxies,
        proxies_config,
        retries,
        client_cert,
        use_dualstack_endpoint,
        use_fips_endpoint,
        ignore_configured_endpoint_urls,
        defaults_mode,
        tcp_keepalive,
    )
}
CHECKED = {
    "request_min_compression_size_bytes": (0, InvalidConfigError),
    "request_checksum_calculation": ("never", InvalidChecksumConfigError),
    "response_checksum_validation": ("never", InvalidChecksumConfigError),
    "account_id_endpoint_mode": ("bogus", InvalidConfigError),
    "auth_scheme_preference": (["sigv4"], InvalidConfigError),
}
WITHOUT_EFFECT: dict[str, Any] = {
    "s3": {"addressing_style": "path"},
    "s3_disable_express_session_auth": True,
    "inject_host_prefix": False,
    "endpoint_discovery_enabled": True,
    "disable_request_compression": True,
    "client_context_params": {"any": "thing"},
    "sigv4a_signing_region_set": "*",
}


def test_no_field_is_left_out() -> None:
    assert sorted([*OBSERVED, *CHECKED, *WITHOUT_EFFECT]) == sorted(DEFAULTS)
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    for field in DEFAULTS:
        assert f"`{field}`" in page


@pytest.mark.parametrize("field", OBSERVED)
def test_a_field_has_its_effect(field: str, tmp_path: Path, made: Made) -> None:
    if field == "client_cert":
        client_cert(made, tmp_path)
    else:
        OBSERVED[field](made)


@pytest.mark.parametrize("field", CHECKED)
def test_a_field_without_effect_is_checked(field: str, made: Made) -> None:
    value, error = CHECKED[field]
    with pytest.raises(error):
        made(sagewire.Config(**{field: value}))


@pytest.mark.parametrize("field", WITHOUT_EFFECT)
def test_a_field_without_effect_changes_nothing_on_the_wire(field: str, made: Made) -> None:
    def form(request: Captured) -> Any:
        changing = ("x-amz-date", "authorization", "amz-sdk-invocation-id", "host")
        headers = [pair for pair in request.headers if pair[0].lower() not in changing]
        return request.method, request.target, headers, request.body

    config = sagewire.Config(**{field: WITHOUT_EFFECT[field]})
    assert form(sent(made, config)) == form(sent(made, sagewire.Config()))
