"""`sagewire ...` in a process of its own, as a shell would run it."""

import contextlib
import os
import subprocess
import sys
import types

from sagewire.sigv4 import Credentials

COMMAND = [sys.executable, "-m", "sagewire.cli"]
IDENTITY = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "S3CRET"}


def environment(**variables):
    """Return this process's environment without AWS's variables, and with the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    return {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", **variables}


def run(*arguments, stdin=b"", timeout=60, before=(), **variables):
    """Run a command to its end; `before` is what stands before it, as `env` would."""
    return subprocess.run(
        [*before, *COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env=environment(**variables),
    )


@contextlib.contextmanager
def serving(*arguments, cwd=None, **variables):
    """Run `sagewire serve`; what it gives is enough of a local endpoint for the support code."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(**{**IDENTITY, **variables}),
    )
    with process:
        url = process.stdout.readline().decode().strip()
        if not url:
            raise AssertionError(process.stderr.read().decode())
        try:
            yield types.SimpleNamespace(
                process=process,
                url=url,
                region="us-east-1",
                credentials=Credentials("AKID", "S3CRET"),
            )
        finally:
            process.kill()
