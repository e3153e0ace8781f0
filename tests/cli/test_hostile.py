"""`sagewire serve` against callers, disks and files that mean it harm."""

import contextlib
import os
import re
import resource
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.cli.conftest import CREDENTIALS
from tests.support.admin import eventually, free_port, get
from tests.support.commands import run, serving
from tests.support.containers import started
from tests.support.files import wait_for
from tests.support.raw_http import connect, receive_all, signed

PURE = os.environ.get("SAGEWIRE_PURE", "0") != "0"
pytestmark = pytest.mark.skipif(PURE, reason="serve needs the native implementation")
NULL = '[endpoints.e]\nurl = "null:"\n'


@pytest.fixture
def file(file):
    """Write a configuration as elsewhere, of a service that pings nobody; return its path."""
    return lambda text, server="": file(text, f"ping_seconds = 0\n{server}")


@pytest.fixture
def queue(tmp_path):
    return (
        f'[queue]\ndatabase = "{tmp_path}/queue.redb"\nfolder = "{tmp_path}/s3"\n'
        'output = "s3://results/out"\nfailure = "s3://results/failed"\n'
    )


def refused(path, before=()):
    """Start a service that cannot start; return what it says."""
    result = run("serve", "--config", path, before=before)
    assert result.returncode in (1, 2)
    assert result.stdout == b""
    words = result.stderr.decode()
    assert "Traceback" not in words
    assert "S3CRET" not in words
    return words


# Callers


@pytest.mark.parametrize("operation", ["invocations", "invocations-response-stream"])
def test_a_caller_that_never_reads_is_cut(file, operation):
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n[limits]\nsend_seconds = 0.3\n'
        with serving("--config", file(text)) as serve, socket.socket() as sock:
            # Less than the answer fits into what the systems hold.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(20)
            sock.connect(("127.0.0.1", int(serve.url.rpartition(":")[2])))
            target = f"/endpoints/e/{operation}"
            sock.sendall(signed(serve, "e", b"size 6000000", path=target))
            time.sleep(1.5)
            assert 0 < len(receive_all(sock)) < 6_000_000


def test_hundreds_of_slow_callers_hold_up_nobody(boto, file):
    """Slow-loris: heads that never end, all of them closed in time, while others are answered."""
    text = NULL + "[limits]\nhead_seconds = 1\n"
    with serving("--config", file(text)) as serve:
        slow = [connect(serve) for _ in range(300)]
        for sock in slow:
            sock.sendall(b"POST /endpoints/e/invocations HTTP/1.1\r\nA: b")
        client = boto(serve)
        for _ in range(50):
            client.invoke_endpoint(EndpointName="e", Body=b"x")["Body"].read()
        for sock in slow:
            sock.settimeout(20)
            assert receive_all(sock) == b""
            sock.close()


def test_names_of_models_that_lead_out_are_refused(boto, file):
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\nmodels_folder = "/opt/ml/models"\n'
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            for model in ("..", "../x", "a/../../x", "a/.."):
                with pytest.raises(ClientError, match="'targetModel'"):
                    client.invoke_endpoint(EndpointName="e", Body=b"x", TargetModel=model)
            loads = client.invoke_endpoint(EndpointName="e", Body=b"loads ", TargetModel="a..b")
            assert loads["Body"].read().count(b"url") == 1


def test_memory_is_flat(boto, file):
    """Calls that are answered, refused, unknown, and models that are made up: nothing is kept."""
    with started() as container:
        text = (
            f'{NULL}[endpoints.m]\nurl = "{container.url}"\nmodels_folder = "/m"\n'
            '[endpoints.n]\nurl = "null:"\n'
        )
        with serving("--config", file(text)) as serve:
            client = boto(serve)
            good, bad = (
                signed(serve, "e", b"x" * 1024),
                signed(serve, "e", b"x").replace(b"AKID", b"NO"),
            )
            requests = good * 40 + bad * 5 + signed(serve, "nowhere") * 5

            def load(times):
                with connect(serve) as sock:
                    reader = threading.Thread(target=_drain, args=(sock,))
                    reader.start()
                    for _ in range(times):
                        sock.sendall(requests)
                    sock.shutdown(socket.SHUT_WR)
                    reader.join()
                for number in range(times // 10):
                    with contextlib.suppress(ClientError):
                        client.invoke_endpoint(
                            EndpointName="m", Body=b"", TargetModel=f"{number}/missing"
                        )

            load(40)
            before = _resident(serve.process.pid)
            load(400)
            assert _resident(serve.process.pid) - before < 2**20


def _drain(sock):
    with contextlib.suppress(OSError):
        while sock.recv(1 << 20):
            pass


def _resident(pid):
    """Return the bytes of memory in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


# Disks


def test_a_full_disk_refuses_and_loses_nothing(boto, file, tmp_path, queue):
    """Nothing more is accepted while the disk is full; what was is done, and then all goes on."""
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n{queue}'
        with serving("--config", file(text)) as serve:
            client = boto(serve)

            def invoke(body):
                answer = client.invoke_endpoint_async(EndpointName="e", Body=body)
                return tmp_path / "s3" / answer["OutputLocation"].removeprefix("s3://")

            accepted = [invoke(b"chunked before")]
            wait_for(accepted[0])
            # No file may grow beyond what the database has: as full as a disk can be.
            size = (tmp_path / "queue.redb").stat().st_size
            pid, unlimited = serve.process.pid, resource.RLIM_INFINITY
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, unlimited))
            # The model is slow, so that bodies stay in the database until it is full.
            body = b"sleep 1 " + b" " * 120_000
            try:
                while len(accepted) < 100:
                    accepted.append(invoke(body))
            except ClientError as refused:
                assert refused.response["Error"]["Code"] == "InternalFailure"  # noqa: PT017
            assert len(accepted) < 100
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            accepted.append(invoke(b"chunked after"))
            assert wait_for(accepted[-1], 60) == b"after"
            assert [wait_for(path, 60) for path in accepted[1:-1]] == [b"late"] * len(
                accepted[1:-1]
            )


def test_results_wait_for_a_full_disk(boto, file, tmp_path, queue):
    port = free_port()
    with started() as container:
        text = f'[endpoints.e]\nurl = "{container.url}"\n{queue}[admin]\nport = {port}\n'
        with serving("--config", file(text)) as serve:
            pid, unlimited = serve.process.pid, resource.RLIM_INFINITY
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (8_000_000, unlimited))
            answer = boto(serve).invoke_endpoint_async(
                EndpointName="e", Body=b"size 9000000", Filename="large"
            )
            place = tmp_path / "s3" / answer["OutputLocation"].removeprefix("s3://")
            refused = re.compile(r"^sagewire_queue_unwritten [1-9]", re.MULTILINE)
            assert eventually(lambda: refused.search(get(port, "/metrics")[1]))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            assert len(wait_for(place)) == 9_000_000
            assert [each.name for each in place.parent.iterdir()] == ["large"]


@pytest.mark.parametrize("damage", ["nonsense", "zeros", "cut", "folder", "middle"])
def test_a_database_that_cannot_be(file, tmp_path, queue, damage):
    path = tmp_path / "queue.redb"
    text = NULL + queue
    if damage == "folder":
        path.mkdir()
    else:
        with serving("--config", file(text)) as serve:
            serve.process.terminate()
            serve.process.wait()
        made = path.read_bytes()
        path.write_bytes(
            {
                "nonsense": b"nonsense" * 1000,
                "zeros": bytes(len(made)),
                "cut": made[: len(made) // 2],
                "middle": made[:64] + b"\xff" * 8192 + made[64 + 8192 :],
            }[damage]
        )
    assert "cannot use the queue" in refused(file(text))


# The superuser may do anything; without these two it is bound by the bits of files like everybody.
UNPRIVILEGED = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    if os.geteuid() == 0
    else []
)


@pytest.mark.skipif(
    bool(UNPRIVILEGED)
    and (
        shutil.which("setpriv") is None
        or subprocess.run([*UNPRIVILEGED, "true"], capture_output=True, check=False).returncode != 0
    ),
    reason="whoever runs this may write into any file, and setpriv (util-linux) cannot change that",
)
@pytest.mark.parametrize("what", ["the database", "its folder"])
def test_a_database_that_may_not_be_written(file, tmp_path, queue, what):
    path = file(NULL + queue)
    closed = tmp_path
    if what == "the database":
        with serving("--config", path) as serve:
            serve.process.terminate()
            serve.process.wait()
        closed = tmp_path / "queue.redb"
    before = closed.stat().st_mode
    closed.chmod(0o555)
    try:
        words = refused(path, before=UNPRIVILEGED)
    finally:
        closed.chmod(before)
    assert words.startswith(f"cannot use the queue: {tmp_path}/")
    assert "Permission denied" in words
    # Nothing is the matter with it once it may be written.
    with serving("--config", path):
        pass


def test_a_database_that_another_service_has(file, queue):
    path = file(NULL + queue)
    with serving("--config", path):
        assert "cannot use the queue" in refused(path)


# Files


@pytest.mark.parametrize(
    ("text", "server", "words"),
    [
        (NULL + NULL, "", "line 7: endpoints.e: duplicate key"),
        (NULL, "port = 1", "line 4: server.port: duplicate key"),
        (NULL, 'threads = "two"', "line 4: server.threads: invalid type"),
        (NULL, "threads = -1", "line 4: server.threads: "),
        (NULL, "grace_seconds = nan", "line 4: server.grace_seconds: NaN is out of range"),
        (NULL, "session_seconds = inf", "line 4: server.session_seconds: inf is out of range"),
        (NULL, "unknown = 1", "line 4: server.unknown: unknown field `unknown`"),
        (NULL, "no_auth = true", "line 4: server.no_auth: nobody would look at the credentials"),
        (
            NULL + CREDENTIALS,
            "",
            "line 11: credentials.access_key_id: it stands in the file twice",
        ),
        (NULL + '[tls]\ncertificate = "/nowhere"\nkey = "/nowhere"\n', "", "/nowhere: "),
        (NULL, 'access_log = "/nowhere/log"', "cannot write the access log /nowhere/log"),
        ("\0", "", "line 5: "),
        ('[endpoints.e]\nurl = "http://user:S3CRET@h"\n', "", "is no URL of a container"),
    ],
)
def test_a_configuration_that_cannot_be(file, text, server, words):
    assert words in refused(file(text, server))


def test_a_configuration_that_is_no_text(tmp_path):
    path = tmp_path / "serve.toml"
    path.write_bytes(b"\xff\xfe")
    assert "serve.toml" in refused(str(path))


def test_a_log_on_a_full_disk_ends_nothing(boto, file):
    with serving("--config", file(NULL, server='access_log = "/dev/full"')) as serve:
        client = boto(serve)
        for _ in range(100):
            client.invoke_endpoint(EndpointName="e", Body=b"x")["Body"].read()
        serve.process.terminate()
        assert serve.process.wait(20) == 0
