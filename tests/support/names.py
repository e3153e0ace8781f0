r"""Names of one's own: a process whose hosts file and name servers are what a test says.

    run('''
    pool = transport.Pool("http", "several.test", port)
    ''', hosts="127.0.0.2 several.test\n127.0.0.3 several.test\n")

The process has its own mounts, which takes `unshare` and the right to use it; where either is
missing the test is skipped. `silent_name_server()` is a name server that never answers.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

# A process's own, since the suites of both implementations may run beside each other.
NAME_SERVER = f"127.53.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}"

# What every script may use.
PRELUDE = """
import os, signal, socket, sys, threading, time
from sagewire._impl import transport
from sagewire.exceptions import (
    ConnectTimeoutError, DeadlineExceededError, EndpointConnectionError)
URL = "http://sagewire.test"
"""


def run(script, *, hosts="", timeout=60):
    """Run a script where names are as said; what it prints. Its failure is the test's."""
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "/etc/hosts": f"127.0.0.1 localhost\n{hosts}",
            "/etc/resolv.conf": f"nameserver {NAME_SERVER}\noptions timeout:15 attempts:1\n",
            "/etc/nsswitch.conf": "hosts: files dns\n",
        }
        commands = []
        for number, (path, content) in enumerate(files.items()):
            ours = Path(folder) / str(number)
            ours.write_text(content)
            commands.append(f"mount --bind {shlex.quote(str(ours))} {path}")
        commands.append(
            shlex.join(["exec", sys.executable, "-c", PRELUDE + textwrap.dedent(script)])
        )
        unshare = ["unshare", "--mount"] + (["--map-root-user"] if os.getuid() else [])
        _skip_without(unshare)
        done = subprocess.run(
            [*unshare, "sh", "-ec", "\n".join(commands)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _skip_without(unshare):
    try:
        tried = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if tried.returncode:
        pytest.skip("needs the right to have mounts of its own")


@contextlib.contextmanager
def silent_name_server():
    """Hold the name server's port and say nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        try:
            held.bind((NAME_SERVER, 53))
        except OSError:
            pytest.skip("needs the right to use port 53")
        yield held
