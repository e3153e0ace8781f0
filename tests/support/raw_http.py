"""Requests by hand: signed by botocore, sent over a bare socket, answered with every byte."""

import re
import socket
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def signed(local, name="echo", body=b"", headers=(), path=None, method="POST", as_=None):
    """Return the bytes of a request, signed for a local endpoint."""
    netloc = urlsplit(local.url).netloc
    path = f"/endpoints/{name}/invocations" if path is None else path
    request = botocore.awsrequest.AWSRequest(
        method, f"http://{netloc}{path}", headers=dict(headers), data=body
    )
    key = as_ or local.credentials
    credentials = botocore.credentials.Credentials(
        key.access_key_id, key.secret_access_key, key.token
    )
    botocore.auth.SigV4Auth(credentials, "sagemaker", local.region).add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {netloc}"]
    lines += [f"{key}: {value}" for key, value in request.headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def connect(local, timeout=10.0):
    parts = urlsplit(local.url)
    return socket.create_connection((parts.hostname, parts.port), timeout)


def receive_all(sock):
    """Read until the peer ends the connection."""
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def receive_answer(sock):
    """Read one answer with a Content-Length, and return its head and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        assert piece, f"the connection ended inside a head: {data!r}"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    while len(body) < length:
        piece = sock.recv(65536)
        assert piece, "the connection ended inside a body"
        body += piece
    assert len(body) == length
    return head, body


def exchange(local, data):
    """Send bytes on a connection of their own, and return everything that comes back."""
    with connect(local) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return receive_all(sock)


def without_variables(answer):
    """Blank the date and the ids that were made up: what may differ between two answers."""
    answer = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"UUID", answer)
    answer = re.sub(rb"date: [^\r]+", b"date: -", answer)
    return re.sub(rb"x-amzn-requestid: [^\r]+", b"x-amzn-requestid: -", answer)
