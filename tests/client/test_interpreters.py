"""Several interpreters in one process: the pure half serves them all, the native half says no."""

import os
import subprocess
import sys

import pytest

import sagewire

# The standard library's module has had several names; the legacy kind shares the GIL.
INTERPRETERS = """
import sys
try:
    import _interpreters
    made = [_interpreters.create("legacy") for _ in range(2)]
except ImportError:
    import _xxsubinterpreters as _interpreters
    made = [_interpreters.create(isolated=False) for _ in range(2)]
"""
CALL = """
try:
    import sagewire
    client = sagewire.client(
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=sagewire.Config(retries={"total_max_attempts": 1}),
    )
    client.invoke_endpoint(EndpointName="ep", Body=b"")
except ImportError as error:
    print(error, flush=True)
except sagewire.exceptions.EndpointConnectionError:
    print("called", flush=True)
"""
REFUSED = (
    "sagewire's native implementation serves one interpreter of a process, and another one has it; "
    "the pure one serves any number: set SAGEWIRE_PURE=1"
)


@pytest.mark.parametrize("main_first", [True, False])
def test_only_one_interpreter_has_the_native_half(main_first: bool) -> None:
    main = f"exec({CALL!r})\n"
    others = (
        f"for number in made:\n    _interpreters.run_string(number, {CALL!r})\n"
        "    _interpreters.destroy(number)\n"
    )
    code = INTERPRETERS + (main + others if main_first else others + main)
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    other = REFUSED if sagewire.implementation == "native" else "called"
    assert run.stdout.splitlines() == ["called", other, other]
    assert run.returncode == 0
    assert run.stderr == ""
