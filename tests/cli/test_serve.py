"""`sagewire serve`: flags and files, signals, the admin port, limits, TLS and the access log."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
import trustme
from botocore.exceptions import ClientError, HTTPClientError

from tests.house.sources import ROOT
from tests.support.admin import eventually, free_port, get
from tests.support.commands import COMMAND, environment, run, serving
from tests.support.containers import started
from tests.support.raw_http import connect, exchange, receive_all, receive_answer, signed

PURE = os.environ.get("SAGEWIRE_PURE", "0") != "0"
pytestmark = pytest.mark.skipif(PURE, reason="serve needs the native implementation")
NULL = '[endpoints.e]\nurl = "null:"\n'


def invoke(client, body=b"x", **members):
    answer = client.invoke_endpoint(EndpointName="e", Body=body, **members)
    return {**answer, "Body": answer["Body"].read()}


# Flags


def test_one_endpoint_by_flags(boto):
    with (
        started() as container,
        serving("--endpoint", f"e={container.url}", "--port", "0") as serve,
    ):
        client = boto(serve)
        seen = eventually(lambda: answered(client))
        assert json.loads(seen["Body"])["path"] == "/invocations"
        with pytest.raises(ClientError, match="UnrecognizedClient"):
            invoke(boto(serve, token="T"))


def answered(client, **members):
    """Invoke until the container has been found healthy."""
    try:
        return invoke(client, **members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ModelNotReadyException"  # noqa: PT017
        return None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "e"], "NAME=URL"),
        (["--endpoint=-e=http://h"], "is no name of an endpoint"),
        (["--endpoint", "e=ftp://h"], "is no URL of a container"),
        (["--endpoint", "e=http://h", "--host", "h"], "an IP address, or localhost"),
        (["--endpoint", "e=http://h", "--port", "70000"], "0 to 65535"),
        (["--endpoint", "e=http://h", "--region", "a b"], "is no region"),
        (["--endpoint", "e=null:", "--no-auth", "--host", "0.0.0.0"], "loopback"),
        (["--config", "/nowhere/serve.toml"], "No such file"),
        (["--config", "/nowhere/serve.toml", "--port", "1"], "--port stands beside --endpoint"),
    ],
)
def test_flags_that_cannot_be(arguments, words):
    result = run("serve", *arguments, AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="S3CRET")
    assert result.returncode == 2
    assert result.stdout == b""
    assert words in result.stderr.decode()
    assert b"S3CRET" not in result.stderr


def test_nobody_who_could_sign():
    result = run("serve", "--endpoint", "e=null:")
    assert result.returncode == 2
    assert b"AWS_ACCESS_KEY_ID" in result.stderr


def test_no_signatures_on_loopback_with_a_warning(boto):
    with serving("--endpoint", "e=null:", "--no-auth", "--port", "0") as serve:
        invoke(boto(serve, secret_access_key="anything"))
        serve.process.terminate()
        assert b"warning: calls need no signature" in serve.process.stderr.read()


# Files


def test_a_file_is_checked(file):
    assert run("serve", "--check", "--config", file(NULL)).returncode == 0
    result = run("serve", "--check", "--config", file("[endpoints.e]\nurls = 5\n"))
    assert result.returncode == 2
    assert b"serve.toml: line 5: endpoints.e.urls: unknown field `urls`" in result.stderr


def test_credentials_reach_only_their_endpoints(boto, file):
    text = (
        NULL.replace("endpoints.e", "endpoints.other")
        + NULL
        + '[[credentials]]\naccess_key_id = "B"\nsecret_access_key_env = "B_SECRET"\n'
        + 'endpoints = ["other"]\n'
    )
    with serving("--config", file(text), B_SECRET="S2") as serve:
        invoke(boto(serve))
        serve.credentials = type(serve.credentials)("B", "S2")
        with pytest.raises(ClientError, match="AccessDeniedException"):
            invoke(boto(serve))
        boto(serve).invoke_endpoint(EndpointName="other", Body=b"")["Body"].read()


def test_credentials_from_a_function(boto, file, tmp_path):
    (tmp_path / "keys.py").write_text(
        "from sagewire.sigv4 import Credentials\n"
        "def find(key):\n"
        "    return (Credentials(key, 'S9'), ['e']) if key == 'FOUND' else None\n"
    )
    path = file(NULL, server='credentials_from = "keys:find"')
    with serving("--config", path, cwd=tmp_path) as serve:
        serve.credentials = type(serve.credentials)("FOUND", "S9")
        invoke(boto(serve))
        serve.credentials = type(serve.credentials)("LOST", "S9")
        with pytest.raises(ClientError, match="UnrecognizedClient"):
            invoke(boto(serve))


def test_a_file_is_read_again_on_sighup(boto, file):
    path = file(NULL)
    with serving("--config", path) as serve:
        client = boto(serve)
        invoke(client)
        with pytest.raises(ClientError, match="not found"):
            client.invoke_endpoint(EndpointName="new", Body=b"")
        file(NULL + NULL.replace("endpoints.e", "endpoints.new"))
        serve.process.send_signal(signal.SIGHUP)
        line = next(iter(serve.process.stderr))
        assert line.endswith(b"read again\n")
        client.invoke_endpoint(EndpointName="new", Body=b"")["Body"].read()
        file("[endpoints.e]\nurls = 5\n")
        serve.process.send_signal(signal.SIGHUP)
        assert b"the old configuration is kept" in next(iter(serve.process.stderr))
        invoke(client)
        file(NULL, server="threads = 3")
        serve.process.send_signal(signal.SIGHUP)
        assert b"server.threads cannot be changed" in next(iter(serve.process.stderr))


# The end


def test_calls_in_flight_end_before_the_service_does(boto, file):
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n'
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            assert eventually(lambda: answered(client))
            answers = []
            thread = threading.Thread(
                target=lambda: answers.append(invoke(client, b"sleep 1.5")["Body"])
            )
            thread.start()
            time.sleep(0.5)
            serve.process.terminate()
            time.sleep(0.3)
            with pytest.raises(OSError, match=r"refused|reset"):
                connect(serve).close()
            thread.join()
            assert answers == [b"late"]
            assert serve.process.wait(20) == 0


def test_a_second_signal_ends_it_at_once(boto, file):
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n'
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            assert eventually(lambda: answered(client))
            failures = []

            def call():
                try:
                    invoke(client, b"sleep 30")
                except HTTPClientError as error:
                    failures.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            time.sleep(0.5)
            serve.process.terminate()
            time.sleep(0.5)
            serve.process.terminate()
            assert serve.process.wait(20) == 128 + signal.SIGTERM
            thread.join()
            assert len(failures) == 1


# Health


def test_the_admin_port(boto, file):
    port = free_port()
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n[admin]\nport = {port}\n'
        with serving("--config", file(text, server="ping_seconds = 0.2")) as serve:
            client = boto(serve)
            assert get(port, "/health") == (200, "ok\n")
            assert eventually(lambda: get(port, "/ready")[0] == 200)
            invoke(client)
            invoke(client, b"pinged ill")
            assert eventually(lambda: get(port, "/ready")[0] == 503)
            assert get(port, "/ready")[1] == "no healthy container: e\n"
            with pytest.raises(ClientError, match="ServiceUnavailable"):
                invoke(client)
            status, text = get(port, "/metrics")
            assert status == 200
            labels = 'operation="InvokeEndpoint",endpoint="e",variant="AllTraffic"'
            assert f'sagewire_calls_total{{{labels},status="200"}} 2\n' in text
            assert f'sagewire_calls_total{{{labels},status="503"}} 1\n' in text
            name = container.url.removeprefix("http://")
            assert f'sagewire_container_healthy{{endpoint="e",container="{name}"}} 0\n' in text
            assert "sagewire_received_bytes_total" in text
            assert "sagewire_connections " in text
            assert text.endswith("# EOF\n")
            assert get(port, "/other")[0] == 404


def test_a_container_that_is_not_up_yet(boto, file):
    port = free_port()
    text = f'[endpoints.e]\nurl = "http://127.0.0.1:{port}"\n'
    with serving("--config", file(text)) as serve:
        with pytest.raises(ClientError) as raised:
            invoke(boto(serve))
        assert raised.value.response["Error"]["Code"] == "ModelNotReadyException"
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


# Groups of containers


def test_a_multi_model_endpoint(boto, file):
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\nmodels_folder = "/opt/ml/models"\n'
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            assert eventually(lambda: answered(client, TargetModel="a/m.tar.gz"))
            seen = json.loads(invoke(client, b"x", TargetModel="a/m.tar.gz")["Body"])
            assert seen["path"].startswith("/models/")
            assert seen["path"].endswith("/invoke")
            headers = dict(seen["headers"])
            assert headers["x-amzn-sagemaker-target-model"] == "a/m.tar.gz"
            loaded = json.loads(invoke(client, b"loads ", TargetModel="b")["Body"])
            assert [load["url"] for load in loaded] == [
                "/opt/ml/models/a/m.tar.gz",
                "/opt/ml/models/b",
            ]
            # The container has room for two: the third makes the oldest leave.
            invoke(client, b"x", TargetModel="c")
            assert len(json.loads(invoke(client, b"loaded ", TargetModel="c")["Body"])) == 2
            with pytest.raises(ClientError, match="TargetModel"):
                invoke(client)
            with pytest.raises(ClientError, match="ModelError") as raised:
                invoke(client, TargetModel="missing")
            assert raised.value.response["OriginalStatusCode"] == 404


def test_components_and_hostnames(boto, file):
    with started() as one, started() as two:
        text = (
            '[[endpoints.e.variants]]\nname = "A"\n'
            f'containers = [{{url = "{one.url}", hostname = "first"}}, '
            f'{{url = "{two.url}", hostname = "second"}}]\n'
            f'[endpoints.c]\nurl = "{one.url}"\n'
            f'[[endpoints.c.components]]\nname = "part"\ncontainers = [{{url = "{two.url}"}}]\n'
        )
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            assert eventually(lambda: answered(client, TargetContainerHostname="first"))

            def host(**members):
                answer = client.invoke_endpoint(Body=b"x", **members)
                return dict(json.loads(answer["Body"].read())["headers"])["host"]

            named = {"first": one, "second": two}
            for hostname, container in named.items():
                seen = host(EndpointName="e", TargetContainerHostname=hostname)
                assert seen == container.url.removeprefix("http://")
            seen = host(EndpointName="c", InferenceComponentName="part")
            assert seen == two.url.removeprefix("http://")
            for members, words in (
                ({"EndpointName": "e"}, "needs TargetContainerHostname"),
                ({"EndpointName": "e", "TargetContainerHostname": "third"}, "third of endpoint e"),
                ({"EndpointName": "c"}, "Inference Component Name header is required"),
                ({"EndpointName": "c", "InferenceComponentName": "other"}, "other of endpoint c"),
            ):
                with pytest.raises(ClientError, match=f"ValidationError.*{words}"):
                    host(**members)


# Limits


def test_a_slow_head_is_not_waited_for(file):
    text = NULL + "[limits]\nhead_seconds = 0.5\n"
    with serving("--config", file(text)) as serve, connect(serve) as sock:
        sock.sendall(b"POST /endpoints/e/invocations HTTP/1.1\r\n")
        started_at = time.monotonic()
        # A byte now and then does not help.
        while time.monotonic() - started_at < 20:
            try:
                sock.sendall(b"a")
                time.sleep(0.1)
            except OSError:
                break
        assert time.monotonic() - started_at < 10
        assert exchange(serve, signed(serve, "e")).startswith(b"HTTP/1.1 200 ")


def test_a_slow_body_is_not_waited_for(file):
    text = NULL + "[limits]\nbody_seconds = 0.5\n"
    with serving("--config", file(text)) as serve, connect(serve) as sock:
        head = b"POST /endpoints/e/invocations HTTP/1.1\r\nContent-Length: 100\r\n\r\n"
        sock.sendall(head + b"x")
        started_at = time.monotonic()
        assert receive_all(sock) == b""
        assert time.monotonic() - started_at < 10


def test_connections_have_a_limit(file):
    text = NULL + "[limits]\nconnections = 4\n"
    with serving("--config", file(text)) as serve:
        opened = [connect(serve) for _ in range(4)]
        for sock in opened:
            sock.sendall(signed(serve, "e"))
            assert receive_answer(sock)[0].startswith(b"HTTP/1.1 200 ")
        with connect(serve) as waiting:
            waiting.sendall(signed(serve, "e"))
            waiting.settimeout(0.5)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            opened.pop().close()
            waiting.settimeout(20)
            assert receive_answer(waiting)[0].startswith(b"HTTP/1.1 200 ")
        for sock in opened:
            sock.close()


def test_bodies_and_heads_have_limits(file):
    text = NULL + "[limits]\nbody_bytes = 100\nhead_bytes = 4096\n"
    with serving("--config", file(text)) as serve:
        assert exchange(serve, signed(serve, "e", b"x" * 100)).startswith(b"HTTP/1.1 200 ")
        assert exchange(serve, signed(serve, "e", b"x" * 101)).startswith(b"HTTP/1.1 413 ")
        long = signed(serve, "e", headers={"X-Long": "x" * 5000})
        assert exchange(serve, long).startswith(b"HTTP/1.1 431 ")


def test_several_threads(boto, file):
    with serving("--config", file(NULL, server="threads = 3")) as serve:
        client = boto(serve, max_pool_connections=8)
        threads = [
            threading.Thread(target=lambda: [invoke(client) for _ in range(30)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        names = [(path / "comm").read_text().strip() for path in _tasks(serve.process.pid)]
        for thread in threads:
            thread.join()
    assert names.count("sagewire-server") == 4


def _tasks(pid):
    from pathlib import Path

    return list(Path(f"/proc/{pid}/task").iterdir())


# TLS


def test_tls_and_a_new_certificate(boto, file, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def certify():
        made = authority.issue_cert("127.0.0.1")
        made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        (tmp_path / "cert.pem").write_bytes(chain)

    def shown(serve):
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        port = int(serve.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), 10) as sock,
            context.wrap_socket(sock, server_hostname="127.0.0.1") as secure,
        ):
            return secure.getpeercert(binary_form=True)

    certify()
    text = f'{NULL}[tls]\ncertificate = "{tmp_path}/cert.pem"\nkey = "{tmp_path}/key.pem"\n'
    with serving("--config", file(text)) as serve:
        assert serve.url.startswith("https://")
        first = shown(serve)
        certify()
        serve.process.send_signal(signal.SIGHUP)
        assert next(iter(serve.process.stderr)).endswith(b"read again\n")
        assert shown(serve) != first
        command = ["invoke", "e", "--body", "x", "--endpoint-url", serve.url]
        identity = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "S3CRET"}
        trusting = {"AWS_CA_BUNDLE": str(tmp_path / "ca.pem"), "AWS_DEFAULT_REGION": "us-east-1"}
        result = run(*command, **identity, **trusting)
        assert (result.returncode, result.stderr) == (0, b"")


def test_a_certificate_that_cannot_be_used(file, tmp_path):
    (tmp_path / "cert.pem").write_text("nonsense")
    text = f'{NULL}[tls]\ncertificate = "{tmp_path}/cert.pem"\nkey = "{tmp_path}/cert.pem"\n'
    result = run("serve", "--config", file(text), AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="S")
    assert result.returncode == 1
    assert b"cannot use the certificate" in result.stderr


# The access log


def test_a_line_for_each_call(boto, file, tmp_path):
    log = tmp_path / "access.log"
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n'
        with serving("--config", file(text, server=f'access_log = "{log}"')) as serve:
            client = boto(serve)
            assert eventually(lambda: answered(client))
            answer = invoke(client, b"describe", CustomAttributes="secret-attribute")
            stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"drip 0 2")
            assert len(list(stream["Body"])) == 2
            with pytest.raises(ClientError):
                client.invoke_endpoint(EndpointName="missing", Body=b"")
            with pytest.raises(ClientError):
                invoke(boto(serve, secret_access_key="wrong"))
            serve.process.terminate()
            serve.process.wait(20)
    # Before them stand the calls that found out that the container was healthy.
    lines = [json.loads(line) for line in log.read_text().splitlines()][-4:]
    assert [(line["operation"], line["status"], line["error"]) for line in lines] == [
        ("InvokeEndpoint", 200, ""),
        ("InvokeEndpointWithResponseStream", 200, ""),
        ("InvokeEndpoint", 400, "ValidationError"),
        ("InvokeEndpoint", 403, "InvalidSignatureException"),
    ]
    first = lines[0]
    assert first["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert (first["endpoint"], first["variant"]) == ("e", "AllTraffic")
    assert first["container"] == container.url.removeprefix("http://")
    assert (first["access_key_id"], first["bytes_in"]) == ("AKID", 8)
    assert first["bytes_out"] == len(answer["Body"])
    assert first["took_ms"] >= first["first_byte_ms"] > 0
    assert not any(line["cut"] for line in lines)
    assert lines[3]["access_key_id"] == ""
    for secret in ("S3CRET", "secret-attribute", "Signature", "describe"):
        assert secret not in log.read_text().replace('"', "").replace("SignatureException", "")


def test_a_port_that_is_taken(file):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        result = subprocess.run(
            [*COMMAND, "serve", "--endpoint", "e=null:", "--no-auth", "--port", port],
            capture_output=True,
            timeout=30,
            check=False,
            env=environment(),
        )
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}".encode() in result.stderr


def test_the_documented_file_is_a_good_one(tmp_path):
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    # What is commented out is documented as well.
    told = [line for line in text.splitlines() if line.startswith("# ") and " = " in line]
    assert len(told) == 10
    path = tmp_path / "serve.toml"
    path.write_text(text)
    result = run("serve", "--check", "--config", str(path), EXAMPLE_SECRET="S")
    assert (result.returncode, result.stderr) == (0, b"")
    for line in told:
        key = line.removeprefix("# ").partition(" ")[0]
        assert f"{key}:" in (ROOT / "rust/net/src/serve/schema.rs").read_text("utf-8")
