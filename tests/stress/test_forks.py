"""Forks: before and after, in the middle of traffic, by multiprocessing and by gunicorn."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request

from tests.stress.conftest import PRELUDE, run
from tests.support import frames
from tests.support.peer import Peer, answer


def test_a_client_is_used_before_and_after_a_fork(echo):
    run(
        """
        client = made(url)
        assert call(client, b"before") == b"before"
        for _ in range(5):
            child = os.fork()
            if child == 0:
                assert call(client, b"child") == b"child"
                grandchild = os.fork()
                if grandchild == 0:
                    os._exit(call(client, b"grandchild") != b"grandchild")
                status = os.waitpid(grandchild, 0)[1]
                os._exit(status != 0 or client.pool.open != 1)
            assert os.waitpid(child, 0)[1] == 0
            assert call(client, b"after") == b"after"
        assert client.pool.open == 1
        """,
        echo,
    )


def test_a_stream_that_is_open_across_a_fork_is_the_parents():
    """The child is told, reads nothing, and its end costs the parent nothing."""
    sent = threading.Event()
    head = answer(headers=[(b"Content-Type", b"application/vnd.amazon.eventstream"),
                           (b"Transfer-Encoding", b"chunked")], length=False)  # fmt: skip

    def script(link):
        request = link.request()
        if request.line.endswith(b"/invocations HTTP/1.1"):  # to have the second part sent
            go_on.set()
            sent.wait(20)
            return link.send(answer(b"sent"))
        link.send(head + chunk(frames.part(b"one")))
        go_on.wait(20)
        link.send(chunk(frames.part(b"two")) + chunk(b""))
        sent.set()
        return link.stall()

    go_on = threading.Event()
    with Peer(script) as peer:
        run(
            """
            client = made(url)
            result = client.invoke_endpoint_with_response_stream(EndpointName="ep", Body=b"")
            events = iter(result["Body"])
            assert next(events) == {"PayloadPart": {"Bytes": b"one"}}
            assert call(client) == b"sent"
            child = os.fork()
            if child == 0:
                try:
                    next(events)
                except sagewire.exceptions.ResponseStreamingError as error:
                    assert "belongs to the parent" in str(error), error
                    result["Body"].close()
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert list(events) == [{"PayloadPart": {"Bytes": b"two"}}]
            assert client.pool.busy == 0, client.pool
            """,
            f"http://127.0.0.1:{peer.port}",
        )


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_forks_in_the_middle_of_traffic(echo):
    """Whatever lock a thread holds at that moment, a child does not wait for it."""
    run(
        """
        import warnings
        warnings.simplefilter("ignore")
        client = made(url, max_pool_connections=4)
        # A module that another thread is importing cannot be imported in a child: Python's limit.
        call(client)
        over = threading.Event()
        counts = []

        def work():
            count = 0
            while not over.is_set():
                assert call(client, b"traffic") == b"traffic"
                count += 1
            counts.append(count)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                for _ in range(3):
                    if call(client, b"child") != b"child":
                        os._exit(1)
                os._exit(client.pool.busy)
            assert os.waitpid(child, 0)[1] == 0
        over.set()
        for thread in threads:
            thread.join()
        assert len(counts) == 16 and min(counts) > 0, counts
        """,
        echo,
    )


def test_multiprocessing_by_fork(echo):
    printed = run(
        """
        import multiprocessing
        client = made(url)
        assert call(client, b"parent") == b"parent"

        def work(number):
            body = b"%d" % number
            return os.getpid(), call(client, body) == body

        with multiprocessing.get_context("fork").Pool(4) as workers:
            done = workers.map(work, range(200), chunksize=5)
        assert all(good for _, good in done)
        print(len({process for process, _ in done}))
        assert call(client, b"parent") == b"parent"
        """,
        echo,
    )
    assert int(printed) > 1


APPLICATION = """
client = made(os.environ["ENDPOINT_URL"])
# Made and used before the workers are forked.
assert call(client, b"preload") == b"preload"

def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = call(client, body)
    start_response("200 OK", [("Content-Length", str(len(answer))), ("X-Pid", str(os.getpid()))])
    return [answer]
"""


def test_gunicorn_with_preload_and_four_workers(echo, tmp_path):
    module = tmp_path / "app.py"
    module.write_text(PRELUDE.replace("url = sys.argv[1]", "") + textwrap.dedent(APPLICATION))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--threads", "2"]
    command += ["--bind", f"127.0.0.1:{port}", "--chdir", str(tmp_path), "app:application"]
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "ENDPOINT_URL": echo}
        )
        try:
            _wait_for(port, server)
            pids, failures = _traffic(port)
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(30)
        log.seek(0)
        said = log.read()
    assert not failures, (failures[0], said)
    assert status == 0, said
    assert len(pids) > 1, "one worker has answered all"
    assert "Traceback" not in said, said


def _wait_for(port, server):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert server.poll() is None, "gunicorn has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _traffic(port):
    pids, failures = set(), []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def work(number):
        try:
            for turn in range(20):
                body = b"%d/%d" % (number, turn)
                request = urllib.request.Request(f"http://127.0.0.1:{port}/", body)
                with opener.open(request, timeout=30) as response:
                    assert response.read() == body
                    pids.add(response.headers["X-Pid"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pids, failures
