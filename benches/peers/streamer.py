"""A server in a process of its own that answers every request with a long response stream.

The frames are made before the first request: sending them costs the client's peer next to nothing.
"""

import socket
import struct
import sys
import threading
import zlib

PARTS = 2_000
PART_BYTES = 64


def frame(payload: bytes) -> bytes:
    """Write a part as the service does."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in (
            (b":event-type", b"PayloadPart"),
            (b":content-type", b"application/octet-stream"),
            (b":message-type", b"event"),
        )
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def answer() -> bytes:
    """Write a whole answer: each part in a chunk of its own, as they are when they are made."""
    one = frame(b"x" * PART_BYTES)
    chunk = b"%x\r\n%b\r\n" % (len(one), one)
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
        b"x-amzn-RequestId: bench\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + chunk * PARTS + b"0\r\n\r\n"


def serve(connection: socket.socket, data: bytes) -> None:
    """Answer one connection's requests, whose bodies are short."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        arrived = b""
        while piece := connection.recv(65_536):
            arrived += piece
            head, end, body = arrived.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            if end and len(body) >= int(length or 0):
                arrived = b""
                connection.sendall(data)


def main() -> None:
    """Print the port, then serve for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    data = answer()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, data), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
