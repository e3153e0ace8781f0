"""Proxies, boto3 beside our client: what the proxy hears, and what the caller."""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.config import Config as BotocoreConfig
from botocore.utils import get_environ_proxies

import sagewire
from sagewire.endpoints import Origin
from sagewire.proxies import route_to
from tests.conftest import CLIENTS
from tests.support.peer import Peer, answer, answers
from tests.support.proxy import Proxy

KEYS = {
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
VARIABLE = (b"User-Agent:", b"X-Amz-Date:", b"Authorization:", b"amz-sdk-invocation-id:")
TOTAL = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 5}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, trustme.CA]:
    folder = tmp_path_factory.mktemp("authorities")
    made = {name: trustme.CA() for name in ("ours", "theirs")}
    for name, authority in made.items():
        authority.cert_pem.write_to_path(str(folder / f"{name}.pem"))
        authority.path = str(folder / f"{name}.pem")
    return made


def context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made


def outcome(make: Any, config: Any, proxy: "Proxy | None", **arguments: Any) -> Any:
    """Return what one call gives: the body or the error, and what the proxy heard."""
    try:
        client = make(**KEYS, **arguments, config=config)
        result = client.invoke_endpoint(EndpointName="ep", Body=b"{}")["Body"].read()
        client.close()
    except Exception as error:
        result = (type(error).__name__, str(error))
    heads = []
    if proxy is not None:
        heads = [
            [line for line in head.split(b"\r\n") if not line.startswith(VARIABLE)]
            for head in proxy.heads
        ]
        proxy.heads.clear()
    return result, heads


def both(proxy: "Proxy | None", *, config: "dict[str, Any] | None" = None, **arguments: Any) -> Any:
    """Return what boto3 gives, and what both of our clients give alike."""
    options = {**TOTAL, **(config or {})}
    theirs = outcome(
        boto3.Session().client,
        BotocoreConfig(**options),
        proxy,
        service_name="sagemaker-runtime",
        **arguments,
    )
    ours, awaited_ours = (
        outcome(make, sagewire.Config(**options), proxy, **arguments) for make in CLIENTS.values()
    )
    assert awaited_ours == ours
    return theirs, ours


@contextlib.contextmanager
def plain() -> Iterator[tuple[str, Proxy]]:
    with Peer(answers(answer(b"{}"))) as peer, Proxy() as proxy:
        yield f"http://127.0.0.1:{peer.port}", proxy


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/path?query#fragment",
        "//127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "http://us%40er:p%3Aw@127.0.0.1:{port}",
        "http://us%zzer:p%2w@127.0.0.1:{port}",
        "http://user:pass:word@127.0.0.1:{port}",
        "http://user@127.0.0.1:{port}",
        "http://user:@127.0.0.1:{port}",
        "http://:word@127.0.0.1:{port}",
        "http://LOCALHOST:{port}",
        "",
        "HTTP://127.0.0.1:{port}",
        "http://nobody.invalid:80",
        "http://user:secret@nobody.invalid:80",
        "http://user@nobody.invalid:80",
        "user:secret@nobody.invalid",
        "socks5://127.0.0.1:1",
        "http://127.0.0.1:99999",
        "http://",
    ],
)
def test_the_url_of_a_proxy(url: str) -> None:
    with plain() as (endpoint, proxy):
        url = url.format(port=proxy.port)
        theirs, ours = both(proxy, config={"proxies": {"http": url}}, endpoint_url=endpoint)
    assert ours == theirs


@pytest.mark.parametrize("scheme", ["https", "all", "HTTP"])
def test_a_proxy_for_another_scheme(scheme: str) -> None:
    with plain() as (endpoint, proxy):
        proxies = {"proxies": {scheme: proxy.url}}
        theirs, ours = both(proxy, config=proxies, endpoint_url=endpoint)
    assert ours == theirs == (b"{}", [])


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"HTTP_PROXY": "{proxy}"}, "127.0.0.1"),
        ({"http_proxy": "{proxy}"}, "127.0.0.1"),
        ({"http_proxy": "{proxy}", "HTTP_PROXY": "http://127.0.0.1:1"}, "127.0.0.1"),
        ({"ALL_PROXY": "{proxy}"}, "127.0.0.1"),
        ({"HTTPS_PROXY": "{proxy}"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.1"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "no_proxy": "*"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "localhost, example.com"}, "localhost"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "ocalhost"}, "localhost"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": ".localhost"}, "localhost"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.0/8"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.1:{port}"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.1:1"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "REQUEST_METHOD": "GET"}, "127.0.0.1"),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": ""}, "127.0.0.1"),
    ],
)
def test_the_environments_proxy(
    variables: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain() as (endpoint, proxy):
        port = endpoint.rpartition(":")[2]
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(proxy=proxy.url, port=port))
        theirs, ours = both(proxy, endpoint_url=f"http://{host}:{port}")
        assert ours == theirs
        # Config beats the environment, an empty one too.
        theirs, ours = both(proxy, config={"proxies": {}}, endpoint_url=endpoint)
        assert ours == theirs == (b"{}", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://h.test",
        "http://h.test:80/x",
        "http://u:p@h.test",
        "http://h.test.",
        "http://[::1]:80",
    ],
)
@pytest.mark.parametrize(
    "no_proxy",
    ["h.test", "h.test:80", ".test", "h.test.", "[::1]", "[::1]:80", "::1", "*", "test "],
)
def test_whom_no_proxy_means(url: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority decides as it was given: with its port, its dot, its user."""
    monkeypatch.setenv("HTTP_PROXY", "http://p.test:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    route = route_to(Origin(url), None, None)
    theirs = get_environ_proxies(url).get("http")
    assert (route.url if route else None) == theirs


def test_the_proxy_is_decided_on_at_construction(
    make_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain() as (endpoint, proxy):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with make_client(**KEYS, endpoint_url=endpoint) as client:
            monkeypatch.delenv("HTTP_PROXY")
            assert client.invoke_endpoint(EndpointName="ep", Body=b"")["Body"].read() == b"{}"
        assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        ("https://runtime.test", "runtime.test:443"),
        ("https://runtime.test:443", "runtime.test:443"),
        ("https://runtime.test:8443/base", "runtime.test:8443"),
    ],
)
@pytest.mark.parametrize("user", ["", "us%40er:p%3Aw@"])
def test_a_tunnel(
    authorities: dict[str, trustme.CA], endpoint: str, authority: str, user: str
) -> None:
    tls = context(authorities["ours"], "runtime.test")
    with (
        Peer(answers(answer(b"{}")), tls=tls) as peer,
        Proxy(route={authority: ("127.0.0.1", peer.port)}) as proxy,
    ):
        config = {"proxies": {"https": proxy.url.replace("://", f"://{user}")}}
        verify = authorities["ours"].path
        theirs, ours = both(proxy, config=config, endpoint_url=endpoint, verify=verify)
        assert ours == theirs
        assert ours[0] == b"{}"
        assert len(peer.requests) == 3
        assert not [request.head for request in peer.requests if b"roxy" in request.head]


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.0 503 No\r\n\r\n", "close"]
)
def test_no_tunnel(said: Any) -> None:
    with Proxy(answer=said) as proxy:
        config = {"proxies": {"https": f"http://user:secret@127.0.0.1:{proxy.port}"}}
        theirs, ours = both(proxy, config=config, endpoint_url="https://runtime.test")
    assert ours == theirs


# urllib3 warns of proxies that nobody vouches for.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("signed_by", ["ours", "theirs"])
@pytest.mark.parametrize("name", ["127.0.0.1", "wrong.test"])
@pytest.mark.parametrize("verify", ["ours", False])
@pytest.mark.parametrize("proxy_ca", [None, "ours", "theirs"])
@pytest.mark.parametrize("way", ["tunnel", "forward", "plain"])
def test_an_https_proxy(
    authorities: dict[str, trustme.CA],
    signed_by: str,
    name: str,
    verify: Any,
    proxy_ca: "str | None",
    way: str,
) -> None:
    """Whom the proxy has to be vouched for by, in every combination: boto3 decides."""
    settings: dict[str, Any] = {}
    if proxy_ca is not None:
        settings["proxy_ca_bundle"] = authorities[proxy_ca].path
    if way == "forward":
        settings["proxy_use_forwarding_for_https"] = True
    scheme = "http" if way == "plain" else "https"
    # Forwarded requests arrive at the server in the clear: the proxy is the end of their TLS.
    tls = context(authorities["ours"], "runtime.test") if way == "tunnel" else None
    port = 80 if way == "plain" else 443
    with (
        Peer(answers(answer(b"{}")), tls=tls) as peer,
        Proxy(
            tls=context(authorities[signed_by], name),
            route={f"runtime.test:{port}": ("127.0.0.1", peer.port)},
        ) as proxy,
    ):
        config = {"proxies": {scheme: proxy.url}, "proxies_config": settings}
        theirs, ours = both(
            proxy,
            config=config,
            endpoint_url=f"{scheme}://runtime.test",
            verify=authorities["ours"].path if verify else False,
        )
    assert ours == theirs


@pytest.mark.parametrize("option", ["proxy_ca_bundle", "proxy_client_cert"])
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_file_of_proxies_config_that_cannot_be_used(
    tmp_path: Path, option: str, content: "bytes | None", make_client: Any
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    with plain() as (endpoint, proxy):
        settings = {option: str(path)}
        config = {"proxies": {"http": proxy.url}, "proxies_config": settings}
        theirs, ours = both(proxy, config=config, endpoint_url=endpoint)
        assert ours == theirs
        assert ours[1] == []
        with (
            make_client(**KEYS, endpoint_url=endpoint, config=sagewire.Config(**config)) as one,
            pytest.raises(sagewire.exceptions.HTTPClientError) as caught,
        ):
            one.invoke_endpoint(EndpointName="ep", Body=b"")
        assert str(path) in caught.value.kwargs["error"].kwargs["error"]
        # Without a proxy they are not looked at.
        direct = {"proxies": {}, "proxies_config": settings}
        theirs, ours = both(proxy, config=direct, endpoint_url=endpoint)
        assert ours == theirs == (b"{}", [])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"proxies": "http://p"}, "proxies: must be a dict of scheme to URL, not str"),
        ({"proxies": {"http": 5}}, r"proxies\['http'\]: must be str, not int"),
        ({"proxies": {"http": "http://p"}, "proxies_config": "x"}, "proxies_config: must be a d"),
        ({"proxies": {"http": "http://us\xe4er:secret@p"}}, "user and password: must be ASCII"),
        ({"proxies": {"http": "http://user:secret@p:99999"}}, r"Failed to parse: http://\*"),
        ({"proxies": {"http": "http://user:secret@a b"}}, r"Failed to parse: http://\*"),
    ],
)
def test_settings_that_make_no_sense(config: dict[str, Any], words: str, make_client: Any) -> None:
    theirs, ours = both(None, config=config, endpoint_url="http://127.0.0.1:1")
    assert ours[0][0] == theirs[0][0] == "HTTPClientError"
    with pytest.raises(sagewire.exceptions.HTTPClientError, match=words) as caught:
        make_client(
            **KEYS, endpoint_url="http://127.0.0.1:1", config=sagewire.Config(**config)
        ).invoke_endpoint(EndpointName="ep", Body=b"")
    assert "secret" not in str(caught.value)


def test_a_password_is_masked_where_it_equals_something_else(make_client: Any) -> None:
    """boto3 masks the first place where the words stand, and shows the password."""
    proxies = {"http": "http://http:http@nobody.invalid"}
    config = sagewire.Config(proxies=proxies, **TOTAL)
    client = make_client(**KEYS, endpoint_url="http://x.test", config=config)
    with pytest.raises(sagewire.exceptions.ProxyConnectionError) as caught:
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert str(caught.value).endswith('"http://***:***@nobody.invalid"')
    for shown in (repr(client._settings.proxy), repr(config), repr(client)):
        assert "http:http@" not in shown


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://user:secret@nobody.invalid",
        "ftp://user:secret@nobody.invalid",
        "http://user:sec/secret@nobody.invalid",
        "http://user:sec#secret@nobody.invalid:1",
    ],
)
def test_a_password_is_masked_wherever_it_stands(proxy: str, make_client: Any) -> None:
    """Under a scheme that no proxy has, and with a character that ends an authority."""
    config = sagewire.Config(proxies={"http": proxy}, **TOTAL)
    client = make_client(**KEYS, endpoint_url="http://x.test", config=config)
    refused = (sagewire.exceptions.HTTPClientError, sagewire.exceptions.ProxyConnectionError)
    with pytest.raises(refused) as caught:
        client.invoke_endpoint(EndpointName="ep", Body=b"")
    assert "http://***:***@nobody.invalid" in str(caught.value)
    assert "secret" not in str(caught.value)
