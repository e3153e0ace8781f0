"""`sagewire invoke`, `sign` and `bench`: results on standard output, exit codes, words."""

import json
import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest

from sagewire.local import LocalEndpoint
from sagewire.local.response import Response
from sagewire.sigv4 import Credentials, Signer, Verifier
from tests.support.commands import COMMAND, IDENTITY, environment, run

SETTINGS = {**IDENTITY, "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def local():
    def slowly():
        yield b"first "
        if seen.wait(30):
            yield b"second"

    seen = threading.Event()

    def model(request):
        if request.body == b"fail":
            raise ValueError("bad row")
        if request.body == b"parts":
            return slowly()
        return Response(request.body, content_type=request.content_type, custom_attributes="back")

    credentials = Credentials("AKID", "S3CRET")
    with LocalEndpoint({"model": model}, credentials=credentials) as local:
        local.seen = seen
        yield local


def invoke(local, *arguments, **settings):
    return run(
        "invoke", "model", *arguments, "--endpoint-url", local.url, **{**SETTINGS, **settings}
    )


# invoke


def test_a_body_comes_from_the_argument_a_file_or_standard_input(local, tmp_path):
    (tmp_path / "body").write_bytes(b"\x00\xff")
    assert invoke(local, "--body", "text \xe9").stdout == "text \xe9".encode()
    assert invoke(local, "--body", f"@{tmp_path}/body").stdout == b"\x00\xff"
    assert invoke(local, stdin=b"piped").stdout == b"piped"
    assert invoke(local, "--body", "-", stdin=b"piped").stdout == b"piped"


def test_metadata_is_not_in_the_result(local):
    result = invoke(local, "--body", "x", "--content-type", "a/b", "--show-metadata")
    assert (result.returncode, result.stdout) == (0, b"x")
    said = result.stderr.decode().splitlines()
    assert "ContentType: a/b" in said
    assert "CustomAttributes: back" in said
    assert "InvokedProductionVariant: AllTraffic" in said


def test_a_stream_is_written_as_it_arrives(local):
    command = [*COMMAND, "invoke", "model", "--stream", "--body", "parts"]
    process = subprocess.Popen(
        [*command, "--endpoint-url", local.url],
        stdout=subprocess.PIPE,
        env=environment(**SETTINGS),
    )
    with process:
        assert process.stdout.read(6) == b"first "  # the second is made when this is here
        local.seen.set()
        assert process.stdout.read() == b"second"
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        (["--body", "fail"], {}, 1, "(ModelError)"),
        (["--body", "x", "--target-variant", "none"], {}, 1, "(ValidationError)"),
        (["--body", "x"], {"AWS_SECRET_ACCESS_KEY": "wrong"}, 1, "InvalidSignature"),
        (["--body", "@/nowhere"], {}, 2, "--body @/nowhere: No such file"),
        (["--body", "@/"], {}, 2, "--body @/: Is a directory"),
        (["--body", "x", "--timeout", "nan"], {}, 2, "--timeout nan: allowed are seconds above 0"),
        (["--body", "x", "--timeout", "0"], {}, 2, "--timeout 0: allowed are seconds above 0"),
        (["--body", "x", "--content-type", "a\nb"], {}, 1, "Invalid header value"),
        (["--body", "x", "--target-model", ""], {}, 2, "TargetModel"),
        (["--body", "x", "--profile", "none"], {}, 2, "profile"),
        (["--unknown"], {}, 2, "unrecognized arguments"),
    ],
)
def test_what_goes_wrong_has_a_code_and_words(local, arguments, settings, code, words):
    result = invoke(local, *arguments, **settings)
    assert (result.returncode, result.stdout) == (code, b"")
    assert words in result.stderr.decode()
    assert b"Traceback" not in result.stderr
    assert b"S3CRET" not in result.stderr


def test_nobody_listens(local):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    result = run("invoke", "model", "--body", "x", "--endpoint-url", url, **SETTINGS)
    assert result.returncode == 1
    assert b"Could not connect" in result.stderr


def test_a_reader_that_leaves_is_no_traceback(local):
    command = [*COMMAND, "invoke", "model", "--endpoint-url", local.url]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**SETTINGS),
    )
    with process:
        process.stdout.close()
        process.stdin.write(b"x" * 1_000_000)
        process.stdin.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("shell", "code", "words"),
    [
        ("invoke model --body x --endpoint-url URL >&-", 1, "standard output is closed"),
        ("invoke model --endpoint-url URL <&-", 2, "--body -: standard input is closed"),
        ("invoke model --body x --endpoint-url URL > /dev/full", 1, "standard output: [Errno 28]"),
        (
            "bench model --body x --requests 1 --quiet --endpoint-url URL > /dev/full",
            1,
            "[Errno 28]",
        ),
        ("sign POST http://h/ > /dev/full", 1, "standard output: [Errno 28]"),
        ("sign POST http://h/ >&-", 1, "standard output is closed"),
    ],
)
def test_streams_that_cannot_be_used_are_no_traceback(local, shell, code, words):
    result = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} {shell.replace('URL', local.url)}"],
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(**SETTINGS),
    )
    assert (result.returncode, result.stdout) == (code, b"")
    assert words in result.stderr.decode()
    assert b"Traceback" not in result.stderr


def test_bytes_of_the_command_line_are_sent_as_they_are(local):
    assert invoke(local, "--body", b"caf\xe9").stdout == b"caf\xe9"


def test_an_interrupted_call_has_a_code_of_its_own():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [*COMMAND, "invoke", "model", "--body", "x", "--endpoint-url", url]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**SETTINGS)
        )
        with process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


# sign


def test_signed_headers_verify():
    url = "https://h.example/endpoints/e/invocations?a=b"
    result = run(
        "sign", "POST", url, "--header", "Content-Type: text/csv", "--body", "x", **SETTINGS
    )
    assert result.returncode == 0, result.stderr
    headers = [tuple(line.split(": ", 1)) for line in result.stdout.decode().splitlines()]
    verifier = Verifier(
        {"AKID": Credentials("AKID", "S3CRET")}, region="us-east-1", service="sagemaker"
    )
    received = [("Host", "h.example"), ("Content-Type", "text/csv"), *headers]
    identity = verifier.verify("POST", "/endpoints/e/invocations?a=b", received, b"x")
    assert "content-type" in identity.signed_headers


def test_a_presigned_url_verifies():
    url = "https://h.example/endpoints/e/invocations"
    result = run("sign", "POST", url, "--presign", "--expires-in", "60", **SETTINGS)
    target = result.stdout.decode().strip().removeprefix("https://h.example")
    verifier = Verifier(
        {"AKID": Credentials("AKID", "S3CRET")}, region="us-east-1", service="sagemaker"
    )
    assert verifier.verify("POST", target, [("Host", "h.example")], b"").access_key_id == "AKID"
    assert "X-Amz-Expires=60" in target


def test_what_is_signed_is_explained_without_secrets():
    url = "https://h.example/endpoints/e/invocations"
    result = run("sign", "POST", url, "--explain", **SETTINGS)
    text = result.stdout.decode()
    signer = Signer(Credentials("AKID", "S3CRET"), region="us-east-1", service="sagemaker")
    canonical = signer.canonical_request("POST", url).splitlines()
    assert text.splitlines()[0] == canonical[0] == "POST"
    assert "AWS4-HMAC-SHA256\n" in text
    assert "S3CRET" not in text


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["--header", "no colon"], {}),
        (["--presign", "--expires-in", "0"], {}),
        ([], {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}),
        ([], {"AWS_DEFAULT_REGION": ""}),
    ],
)
def test_what_cannot_be_signed(arguments, settings):
    result = run("sign", "POST", "https://h/", *arguments, **{**SETTINGS, **settings})
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr
    assert b"Traceback" not in result.stderr


# bench


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--duration", "-1"], "--duration -1: allowed are seconds above 0"),
        (["--duration", "nan"], "--duration nan: allowed are seconds above 0"),
        (["--duration", "inf"], "--duration inf: allowed are seconds above 0"),
        (["--warm-up", "-1"], "--warm-up -1: allowed are seconds from 0 on"),
        (["--requests", "0"], "'0': allowed are whole numbers from 1 on"),
        (["--concurrency", "x"], "'x': allowed are whole numbers from 1 to 4096"),
        (["--concurrency", "4097"], "'4097': allowed are whole numbers from 1 to 4096"),
    ],
)
def test_a_load_that_cannot_be(arguments, words):
    result = run("bench", "model", "--body", "x", *arguments, **SETTINGS)
    assert (result.returncode, result.stdout) == (2, b"")
    assert words in result.stderr.decode()


def test_a_number_of_calls_is_measured(local):
    result = run(
        "bench", "model", "--body", "x", "--requests", "50", "--concurrency", "4",
        "--endpoint-url", local.url, **SETTINGS,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    measured = json.loads(result.stdout)
    assert (measured["succeeded"], measured["failed"], measured["errors"]) == (50, 0, {})
    latency = measured["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    assert measured["per_second"] > 0


def test_progress_is_shown_while_it_runs(local):
    result = run(
        "bench", "model", "--body", "x", "--duration", "2.5", "--warm-up", "0.1", "--table",
        "--endpoint-url", local.url, **SETTINGS,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(b" calls ") >= 1
    assert b"calls a second" in result.stdout
    assert b"p99" in result.stdout


def test_errors_are_counted_by_name(local):
    result = run(
        "bench", "model", "--body", "fail", "--requests", "5", "--quiet",
        "--endpoint-url", local.url, **SETTINGS,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, b"")
    measured = json.loads(result.stdout)
    assert (measured["succeeded"], measured["errors"]) == (0, {"ModelError": 5})


def test_an_interrupted_measurement_is_one(local):
    import signal

    command = [*COMMAND, "bench", "model", "--body", "x", "--duration", "60", "--warm-up", "0"]
    process = subprocess.Popen(
        [*command, "--endpoint-url", local.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**SETTINGS),
        # A shell that runs the tests in the background has them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one call
    )
    with process:
        # Its first progress says that it calls.
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        measured = json.loads(process.stdout.read())
        assert process.wait(30) == 0
        assert time.monotonic() - started < 20
    assert measured["succeeded"] > 0
    assert measured["seconds"] < 50


def test_help_of_every_command():
    results = {}
    names = ("invoke", "sign", "serve", "bench")
    threads = [
        threading.Thread(target=lambda name=name: results.update({name: run(name, "--help")}))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert results[name].returncode == 0
        assert f"usage: sagewire {name}".encode() in results[name].stdout
    assert run().returncode == 2
