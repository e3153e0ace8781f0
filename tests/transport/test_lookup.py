"""Names: a server that does not answer, and names with several addresses."""

import socket

import pytest

from tests.support.names import run, silent_name_server
from tests.support.peer import Peer, answer, answers


@pytest.fixture
def silence():
    with silent_name_server():
        yield


@pytest.mark.usefixtures("silence")
def test_a_look_up_ends_with_the_connect_time_out_or_the_deadline():
    run("""
        pool = transport.Pool("http", "silent.test", 80, connect_timeout=0.3)
        before = len(os.listdir("/proc/self/fd"))
        start = time.monotonic()
        for _ in range(3):
            try:
                pool.take(URL, None)
            except ConnectTimeoutError as error:
                assert str(error) == f'Connect timeout on endpoint URL: "{URL}"'
            else:
                raise AssertionError
        try:
            pool.take(URL, 0.2)
        except DeadlineExceededError as error:
            assert error.kwargs["stage"] == "connecting"
        assert 1.0 < time.monotonic() - start < 10
        assert pool.snapshot() == (0, 0, 0, 0)
        # The one look-up that still runs has the descriptor of its own question.
        assert len(os.listdir("/proc/self/fd")) <= before + 1
    """)


@pytest.mark.usefixtures("silence")
def test_a_pool_has_one_look_up_at_a_time():
    run("""
        def look_ups():
            count = 0
            for thread in os.listdir("/proc/self/task"):
                with open(f"/proc/self/task/{thread}/comm") as name:
                    count += name.read().startswith("sagewire-look")
            return count

        def count_of_python():
            return sum(t.name == "sagewire-lookup" for t in threading.enumerate())

        pool = transport.Pool("http", "silent.test", 80, connect_timeout=0.5)
        seen = []

        def take():
            try:
                pool.take(URL, None)
            except ConnectTimeoutError:
                seen.append(1)

        threads = [threading.Thread(target=take) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 20
        assert look_ups() + count_of_python() == 1, (look_ups(), count_of_python())
    """)


@pytest.mark.usefixtures("silence")
def test_a_group_that_ends_does_not_wait_for_a_look_up():
    seconds = run("""
        from sagewire.exceptions import ConnectionClosedError
        group = transport.Pool("http", "silent.test", 80).group(1)
        ended = []
        def take():
            try:
                group.take(URL, None)
            except ConnectionClosedError:
                ended.append(time.monotonic())
        thread = threading.Thread(target=take)
        thread.start()
        time.sleep(0.1)
        begun = time.monotonic()
        group.end()
        thread.join()
        print(ended[0] - begun, flush=True)
        os._exit(0)  # the look-up still runs
    """)
    assert float(seconds) < 1.0


@pytest.mark.usefixtures("silence")
def test_a_process_ends_while_a_look_up_runs():
    run(
        """
        pool = transport.Pool("http", "silent.test", 80, connect_timeout=0.2)
        try:
            pool.take(URL, None)
        except ConnectTimeoutError:
            pass
        """,
        timeout=10,
    )


@pytest.mark.usefixtures("silence")
def test_a_child_does_not_wait_for_its_parents_look_up():
    """The thread that would answer does not come along in a fork."""
    run("""
        pool = transport.Pool("http", "silent.test", 80, connect_timeout=0.3)
        try:
            pool.take(URL, None)
        except ConnectTimeoutError:
            pass
        child = os.fork()
        if child == 0:
            try:
                pool.take(URL, None)
            except ConnectTimeoutError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
    """)


TWO = "127.0.0.2 several.test\n127.0.0.3 several.test\n"
CALL = """
headers = [("Host", "x"), ("Content-Length", "0")]
pool = transport.Pool("http", "several.test", {port}, connect_timeout=0.5)
"""


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.3"])
def test_each_address_is_tried(host):
    with Peer(answers(answer(b"{}")), host=host) as peer:
        run(
            CALL.format(port=peer.port)
            + """
for _ in range(3):
    assert pool.take(URL, None).exchange("POST", "/", headers, b"", None).read() == b"{}"
""",
            hosts=TWO,
        )


@pytest.mark.parametrize("deaf", ["127.0.0.2", "127.0.0.3"])
def test_each_address_has_the_whole_connect_time_out(deaf):
    """One address takes no connection and says nothing; the other one answers."""
    (other,) = {"127.0.0.2", "127.0.0.3"} - {deaf}
    with Peer(answers(answer(b"{}")), host=other) as peer, socket.socket() as listener:
        listener.bind((deaf, peer.port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex((deaf, peer.port))
        try:
            run(
                CALL.format(port=peer.port)
                + """
start = time.monotonic()
assert pool.take(URL, None).exchange("POST", "/", headers, b"", None).read() == b"{}"
assert time.monotonic() - start < 10
""",
                hosts=TWO,
            )
        finally:
            for each in waiting:
                each.close()


def test_the_last_address_decides_on_the_error():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        run(
            CALL.format(port=held.getsockname()[1])
            + """
try:
    pool.take(URL, None)
except EndpointConnectionError as error:
    assert "refused" in error.kwargs["error"]
else:
    raise AssertionError
""",
            hosts=TWO,
        )
