"""From construction to the end: one use, no leaks, no hang, and forks that do not own it."""

import gc
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import LocalEndpoint
from sagewire.sigv4 import Credentials
from tests.support.raw_http import connect, exchange, receive_all, signed


def echo(request):
    return request.body


def descriptors():
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def own_threads():
    return len(list(pathlib.Path("/proc/self/task").iterdir()))


def test_importing_sagewire_does_not_import_it():
    code = "import sagewire, sys; print([name for name in sys.modules if 'local' in name])"
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, env=dict(os.environ)).strip() == b"[]"


def test_before_and_after(boto):
    local = LocalEndpoint({"echo": echo}, region="eu-west-1")
    assert repr(local) == "<LocalEndpoint ['echo'] not started>"
    assert local.region == "eu-west-1"
    with pytest.raises(RuntimeError, match="not started"):
        _ = local.url
    local.stop()
    with local as entered:
        assert entered is local
        assert repr(local) == f"<LocalEndpoint ['echo'] at {local.url}, running>"
        client = boto(local)
        client.invoke_endpoint(EndpointName="echo", Body=b"")
    assert repr(local).endswith(", stopped>")
    assert local.credentials.secret_access_key not in repr(local)
    local.stop()
    with pytest.raises(EndpointConnectionError):
        client.invoke_endpoint(EndpointName="echo", Body=b"")
    for again in (local.start, local.__enter__):
        with pytest.raises(RuntimeError, match="a local endpoint is started once"):
            again()


def test_credentials_are_random_unless_given():
    one, other = LocalEndpoint({}), LocalEndpoint({})
    assert one.credentials.access_key_id != other.credentials.access_key_id
    assert one.credentials.secret_access_key != other.credentials.secret_access_key
    given = Credentials("AKID", "SECRET")
    assert LocalEndpoint({}, credentials=given).credentials is given


def test_an_error_inside_the_block_passes(boto):
    with pytest.raises(ZeroDivisionError), LocalEndpoint({"echo": echo}):
        raise ZeroDivisionError


def test_two_at_the_same_time(boto):
    with LocalEndpoint({"a": lambda r: b"1"}) as one, LocalEndpoint({"a": lambda r: b"2"}) as two:
        answers = [
            boto(each).invoke_endpoint(EndpointName="a", Body=b"")["Body"].read()
            for each in (one, two)
        ]
    assert answers == [b"1", b"2"]


def test_ipv6_and_localhost(boto):
    for host, shown in (("::1", "http://[::1]:"), ("localhost", "http://127.0.0.1:")):
        with LocalEndpoint({"echo": echo}, host=host) as local:
            assert local.url.startswith(shown)
            body = boto(local).invoke_endpoint(EndpointName="echo", Body=b"x")["Body"].read()
            assert body == b"x"


def test_a_port_in_use():
    with LocalEndpoint({}) as local:
        port = int(local.url.rpartition(":")[2])
        with pytest.raises(
            OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already"
        ) as raised:
            LocalEndpoint({}, port=port).start()
        assert raised.value.errno == 98


def test_a_port_of_ones_choice_can_be_taken_again():
    with LocalEndpoint({"echo": echo}) as local:
        port = int(local.url.rpartition(":")[2])
        exchange(local, signed(local))
    with LocalEndpoint({"echo": echo}, port=port) as local:
        assert exchange(local, signed(local)).startswith(b"HTTP/1.1 200")


def test_stop_with_calls_in_flight():
    entered = threading.Event()
    leave = threading.Event()

    def handler(request):
        entered.set()
        leave.wait(30)
        return b"late"

    local = LocalEndpoint({"echo": handler}).start()
    sock = connect(local)
    sock.sendall(signed(local))
    assert entered.wait(5)
    started = time.monotonic()
    local.stop()
    assert time.monotonic() - started < 1.0
    assert receive_all(sock) == b""
    sock.close()
    leave.set()


def test_stop_lets_short_calls_end(boto):
    entered = threading.Event()

    def handler(request):
        entered.set()
        time.sleep(0.2)
        return b"in time"

    local = LocalEndpoint({"echo": handler}).start()
    sock = connect(local)
    sock.sendall(signed(local))
    assert entered.wait(5)
    local.stop()
    assert receive_all(sock).endswith(b"in time")
    sock.close()


def test_a_client_learns_that_its_call_was_cut(boto):
    def handler(request):
        threading.Thread(target=local.stop).start()
        time.sleep(1.2)
        return b""

    local = LocalEndpoint({"echo": handler}).start()
    with pytest.raises(ConnectionClosedError):
        boto(local).invoke_endpoint(EndpointName="echo", Body=b"")


def test_stop_from_a_handler():
    local = LocalEndpoint({"echo": lambda request: local.stop() or b"bye"}).start()
    started = time.monotonic()
    exchange(local, signed(local))
    assert time.monotonic() - started < 2


def test_the_models_time_is_limited(boto):
    leave = threading.Event()
    with LocalEndpoint({"echo": lambda r: leave.wait(20) and b""}, model_timeout=0.3) as local:
        with pytest.raises(ClientError) as raised:
            boto(local).invoke_endpoint(EndpointName="echo", Body=b"")
        leave.set()
    response = raised.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 0
    assert response["OriginalMessage"].startswith("Your invocation timed out while waiting for a")


def test_a_part_that_takes_too_long_breaks_the_body():
    leave = threading.Event()

    def handler(request):
        yield b"first"
        leave.wait(20)

    with LocalEndpoint({"echo": handler}, model_timeout=0.3) as local:
        started = time.monotonic()
        answer = exchange(local, signed(local))
        assert time.monotonic() - started < 3
        leave.set()
    assert answer.endswith(b"5\r\nfirst\r\n")


def test_calls_run_at_the_same_time():
    barrier = threading.Barrier(16, timeout=10)

    def handler(request):
        barrier.wait()
        return b"together"

    with LocalEndpoint({"echo": handler}) as local:
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(exchange(local, signed(local))))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [answer.endswith(b"together") for answer in answers] == [True] * 16


def test_nothing_is_left_behind():
    def once():
        with LocalEndpoint({"echo": echo, "gone": "http://127.0.0.1:9"}) as local:
            for name in ("echo", "gone"):
                exchange(local, signed(local, name))

    once()
    gc.collect()
    before = descriptors(), own_threads()
    for _ in range(20):
        once()
    gc.collect()
    deadline = time.monotonic() + 2
    while (descriptors(), own_threads()) != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (descriptors(), own_threads()) == before


def test_connections_do_not_leak():
    with LocalEndpoint({"echo": echo}) as local:
        exchange(local, signed(local))
        before = descriptors()
        for _ in range(200):
            exchange(local, signed(local, body=b"x"))
        deadline = time.monotonic() + 2
        while descriptors() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert descriptors() <= before


def test_the_last_reference_stops_it():
    local = LocalEndpoint({"echo": echo}).start()
    sock = connect(local)
    del local
    gc.collect()
    assert receive_all(sock) == b""
    sock.close()


def test_a_process_ends_with_an_endpoint_and_a_handler_running():
    code = """
import threading, time, sys
from sagewire.local import LocalEndpoint
from tests.support.raw_http import connect, signed
entered = threading.Event()
local = LocalEndpoint({"echo": lambda r: entered.set() or time.sleep(30)}).start()
sock = connect(local)
sock.sendall(signed(local))
entered.wait()
print("leaving")
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "leaving\n", "")
    assert time.monotonic() - started < 10


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_own_it(boto):
    with LocalEndpoint({"echo": echo}) as local:
        child = os.fork()
        if child == 0:
            try:
                local.stop()
                answered = exchange(local, signed(local)).startswith(b"HTTP/1.1 200")
                os._exit(0 if answered else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert exchange(local, signed(local)).startswith(b"HTTP/1.1 200")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_port():
    local = LocalEndpoint({"echo": echo}).start()
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        local.stop()
        with pytest.raises(ConnectionRefusedError):
            connect(local)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_keep_a_connection():
    entered, leave = threading.Event(), threading.Event()
    local = LocalEndpoint({"echo": lambda r: entered.set() or leave.wait(20) or b""}).start()
    sock = connect(local)
    sock.sendall(signed(local))
    assert entered.wait(5)
    child = os.fork()
    if child == 0:
        sock.close()
        time.sleep(30)
        os._exit(0)
    try:
        local.stop()
        assert receive_all(sock) == b""
    finally:
        leave.set()
        os.kill(child, 9)
        os.waitpid(child, 0)
        sock.close()


NAMES = "1 to 63 letters, digits and hyphens, no hyphen first or last"
URLS = "http://host, with a port and a path if needed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"endpoints": {"a b": echo}},
            f"endpoints: 'a b' is no name of an endpoint; allowed: {NAMES}",
        ),
        ({"endpoints": {"": echo}}, f"endpoints: '' is no name of an endpoint; allowed: {NAMES}"),
        (
            {"endpoints": {"a-": echo}},
            f"endpoints: 'a-' is no name of an endpoint; allowed: {NAMES}",
        ),
        (
            {"endpoints": {"a\n": echo}},
            f"endpoints: 'a\\n' is no name of an endpoint; allowed: {NAMES}",
        ),
        (
            {"endpoints": {"a" * 64: echo}},
            f"endpoints: '{'a' * 64}' is no name of an endpoint; allowed: {NAMES}",
        ),
        (
            {"endpoints": {"a": "https://h"}},
            f"endpoints['a']: 'https://h' is no URL of a container; allowed: {URLS}",
        ),
        (
            {"endpoints": {"a": "h:80"}},
            f"endpoints['a']: 'h:80' is no URL of a container; allowed: {URLS}",
        ),
        (
            {"endpoints": {"a": "http://h/?q"}},
            f"endpoints['a']: 'http://h/?q' is no URL of a container; allowed: {URLS}",
        ),
        (
            {"endpoints": {"a": "http://user:secret@h"}},
            f"endpoints['a']: 'http://***@h' is no URL of a container; allowed: {URLS}",
        ),
        (
            {"endpoints": {"a": "http://h/ x"}},
            f"endpoints['a']: 'http://h/ x' is no URL of a container; allowed: {URLS}",
        ),
        (
            {"endpoints": {"a": "http://h:99999"}},
            f"endpoints['a']: 'http://h:99999': Port out of range 0-65535; allowed: {URLS}",
        ),
        (
            {"region": "US East"},
            "region: 'US East' is no region; allowed: lower-case letters, digits and hyphens",
        ),
        ({"port": 65536}, "port: 65536 is out of range; allowed: 0 to 65535"),
        (
            {"host": "example.com"},
            "host: 'example.com' is no address; allowed: an IP address, or localhost",
        ),
        ({"model_timeout": 0}, "model_timeout: 0 is out of range; allowed: 0 to 86400 seconds"),
        (
            {"model_timeout": float("nan")},
            "model_timeout: nan is out of range; allowed: 0 to 86400 seconds",
        ),
        ({"ping_seconds": -1}, "ping_seconds: -1 is out of range; allowed: 0 to 86400 seconds"),
        ({"max_body_bytes": -1}, "max_body_bytes: -1 is out of range; allowed: 0 to 2147483647"),
    ],
)
def test_arguments_that_cannot_be(arguments, words):
    with pytest.raises(InvalidArgumentError) as raised:
        LocalEndpoint(**{"endpoints": {}, **arguments})
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"endpoints": 5}, "endpoints must be a mapping, not int"),
        ({"endpoints": {5: echo}}, "the name of an endpoint must be str, not int"),
        (
            {"endpoints": {"a": 5}},
            "endpoints['a'] must be a callable, a container's URL or a list of them, not int",
        ),
        ({"region": None}, "region must be str, not NoneType"),
        ({"host": 5}, "host must be str, not int"),
        ({"port": "80"}, "port must be int, not str"),
        ({"port": True}, "port must be int, not bool"),
        ({"model_timeout": "1"}, "model_timeout must be a number, not str"),
        ({"ping_seconds": None}, "ping_seconds must be a number, not NoneType"),
        ({"max_body_bytes": 1.0}, "max_body_bytes must be int, not float"),
        ({"credentials": ("a", "b")}, "credentials must be sagewire.sigv4.Credentials, not tuple"),
    ],
)
def test_arguments_of_a_wrong_type(arguments, words):
    with pytest.raises(TypeError) as raised:
        LocalEndpoint(**{"endpoints": {}, **arguments})
    assert str(raised.value) == words
