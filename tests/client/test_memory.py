"""What a large body costs in memory: none of it is copied as a whole, whatever holds it."""

import hashlib
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.support.peer import Peer, answer

pytestmark = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK),
    reason="the system does not tell the highest use of memory anew",
)
MIB = 2**20
# More than glibc ever keeps for the next one, so that a copy shows.
BODY_MIB = 36
# What a call may take besides: the pieces of a file that is hashed, TLS's buffers.
ROOM_MIB = 4

PROGRAM = """
import array, io, mmap, sys, tempfile
sys.path.insert(0, {root!r})
import numpy
import sagewire
from tests.support.awaited import awaited

size = {size}
data = bytes(range(256)) * (size // 256)

def mapped():
    file = tempfile.TemporaryFile()
    file.write(data)
    file.flush()
    made = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    sum(made[place] for place in range(0, size, 4096))  # its pages count from here on
    return made

makers = {{
    "bytes": lambda: data,
    "bytearray": lambda: bytearray(data),
    "memoryview": lambda: memoryview(bytearray(data)),
    "array": lambda: array.array("Q", data),
    "numpy": lambda: numpy.frombuffer(bytearray(data), numpy.float32).reshape(-1, 64),
    "mmap": mapped,
    "file": lambda: io.BytesIO(data),
}}

def status(name):
    with open("/proc/self/status") as lines:
        [value] = [line.split()[1] for line in lines if line.startswith(name)]
    return int(value) / 1024

def growth(body):
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the highest is from now on
    before = status("VmRSS:")
    result = client.invoke_endpoint(EndpointName="e", Body=body)
    digest = result["Body"].read().decode()
    return status("VmHWM:") - before, digest

client = {client}(
    region_name="us-east-1", endpoint_url=sys.argv[1], verify=sys.argv[2],
    aws_access_key_id="AKID", aws_secret_access_key="SECRET",
)
growth(b"x" * 300_000)  # what is loaded once
for name, make in makers.items():
    body = make()
    print(name, *growth(body), flush=True)
    del body
"""


def digesting(link):
    """Answer every request with its body's hash, and keep nothing of it."""
    while (head := link.head()) is not None:
        [length] = (int(line[15:]) for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:"))  # fmt: skip
        hashed = hashlib.sha256()
        while length:
            piece = link.read_some(min(length, MIB))
            hashed.update(piece)
            length -= len(piece)
        link.send(answer(hashed.hexdigest().encode()))


@pytest.mark.parametrize("over", ["plain", "tls"])
@pytest.mark.parametrize("client", ["sagewire.client", "awaited"])
def test_no_body_is_copied_as_a_whole(client, over, tmp_path, clean_environment):
    context, authority = None, tmp_path / "ca.pem"
    if over == "tls":
        issuer = trustme.CA()
        issuer.cert_pem.write_to_path(str(authority))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert("127.0.0.1").configure_cert(context)
    size = BODY_MIB * MIB
    root = str(Path(__file__).resolve().parents[2])
    program = PROGRAM.format(root=root, size=size, client=client)
    with Peer(digesting, tls=context) as peer:
        url = f"{'https' if context else 'http'}://127.0.0.1:{peer.port}"
        ended = subprocess.run(
            [sys.executable, "-c", program, url, str(authority)],
            check=False, capture_output=True, text=True, timeout=120, env=os.environ,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    lines = [line.split() for line in ended.stdout.splitlines()]
    digest = hashlib.sha256(bytes(range(256)) * (size // 256)).hexdigest()
    assert [line[2] for line in lines] == [digest] * 7
    assert {name: float(mib) for name, mib, _ in lines if float(mib) > ROOM_MIB} == {}, lines
