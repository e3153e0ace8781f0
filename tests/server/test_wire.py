"""Bytes on the wire: odd but legal requests are answered, nonsense ends without harm."""

import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewire.local import LocalEndpoint
from tests.support.raw_http import connect, exchange, receive_all, receive_answer, signed


@pytest.fixture(scope="module")
def local():
    with LocalEndpoint({"echo": lambda request: request.body}) as local:
        yield local


def still_answers(local):
    return exchange(local, signed(local, body=b"still")).endswith(b"\r\n\r\nstill")


def test_many_requests_on_one_connection(local):
    with connect(local) as sock:
        for number in range(20):
            body = str(number).encode()
            sock.sendall(signed(local, body=body))
            assert receive_answer(sock)[1] == body


def test_pipelined_requests_are_answered_in_order(local):
    answer = exchange(local, b"".join(signed(local, body=body) for body in (b"one", b"two")))
    assert answer.index(b"\r\n\r\none") < answer.index(b"\r\n\r\ntwo")


def test_connection_close(local):
    with connect(local) as sock:
        sock.sendall(signed(local, body=b"x", headers={"Connection": "close"}))
        answer = receive_all(sock)
    assert b"\r\nconnection: close\r\n" in answer


def test_a_chunked_request(local):
    whole = signed(local, body=b"hello world")
    head = whole.partition(b"\r\n\r\n")[0].replace(
        b"Content-Length: 11", b"Transfer-Encoding: chunked"
    )
    body = b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    assert exchange(local, head + b"\r\n\r\n" + body).endswith(b"\r\n\r\nhello world")


def test_a_chunked_request_over_the_limit(local):
    whole = signed(local, body=b"x")
    head = whole.partition(b"\r\n\r\n")[0].replace(
        b"Content-Length: 1", b"Transfer-Encoding: chunked"
    )
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with connect(local) as sock:
        sock.sendall(head + b"\r\n\r\n" + chunk * 7)
        answer = receive_all(sock)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_request_byte_by_byte(local):
    with connect(local) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in signed(local, body=b"slow"):
            sock.sendall(bytes([byte]))
        assert receive_answer(sock)[1] == b"slow"


def test_http_1_0(local):
    whole = signed(local, body=b"old").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with connect(local) as sock:
        sock.sendall(whole)
        answer = receive_all(sock)
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nold")


def test_parts_over_http_1_0_end_with_the_connection():
    with LocalEndpoint({"echo": lambda request: iter([b"a", b"b"])}) as local:
        with connect(local) as sock:
            sock.sendall(signed(local).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            answer = receive_all(sock)
        assert answer.endswith(b"\r\n\r\nab")
        assert b"chunked" not in answer


def test_parts_are_chunks():
    with LocalEndpoint({"echo": lambda request: iter([b"a" * 20, b"b"])}) as local:
        answer = exchange(local, signed(local))
    assert b"\r\ntransfer-encoding: chunked\r\n" in answer
    assert answer.endswith(b"\r\n\r\n14\r\n" + b"a" * 20 + b"\r\n1\r\nb\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nbad name: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nA: \x00\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", b"400"),
        (b"POST relative/path HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /\xff HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /<> HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nbad{name", b"400"),
        (b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_nonsense_is_refused(local, data, status):
    with connect(local) as sock:
        sock.sendall(data)
        answer = receive_all(sock)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert still_answers(local)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        b"POST / HTTP/1.1\r\nA: b",
        b"POST /endpoints/echo/invocations HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_half_a_request_ends_quietly(local, data):
    assert exchange(local, data) == b""
    assert still_answers(local)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=300)
    | st.binary(max_size=60).map(lambda junk: b"POST /" + junk + b"\r\n\r\n")
)
def test_any_bytes_end_without_harm(local, data):
    with connect(local) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = receive_all(sock)
    assert answer == b"" or answer.startswith(b"HTTP/1.")
    assert still_answers(local)


def test_hundreds_of_idle_and_half_open_connections_do_not_block_others(local):
    opened = [connect(local) for _ in range(200)]
    for sock in opened[::2]:
        sock.sendall(b"POST /endpoints/echo/invocations HTTP/1.1\r\n")
    assert still_answers(local)
    for sock in opened:
        sock.close()


def test_stop_does_not_wait_for_slow_clients():
    with LocalEndpoint({"echo": lambda request: request.body}) as local:
        socks = [connect(local) for _ in range(20)]
        for sock in socks[:10]:
            sock.sendall(
                b"POST /endpoints/echo/invocations HTTP/1.1\r\nContent-Length: 100\r\n\r\nx"
            )
        time.sleep(0.1)
        started = time.monotonic()
        local.stop()
        assert time.monotonic() - started < 1.0
        for sock in socks:
            assert receive_all(sock) == b""
            sock.close()


def test_a_reader_that_never_reads_does_not_block_stop():
    def endless(request):
        while True:
            yield b"x" * 100_000

    with LocalEndpoint({"echo": endless}) as local:
        sock = connect(local)
        sock.sendall(signed(local))
        time.sleep(0.3)
        started = time.monotonic()
        local.stop()
        assert time.monotonic() - started < 1.0
        sock.close()


def test_sixteen_threads(local):
    wrong = []

    def call(thread):
        with connect(local) as sock:
            for number in range(50):
                body = f"{thread}:{number}".encode() * (1 + 97 * number)
                sock.sendall(signed(local, body=body))
                if receive_answer(sock)[1] != body:
                    wrong.append((thread, number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
