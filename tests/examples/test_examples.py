"""The examples run, and say what they should. `streaming.py`'s test is in tests/streams."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*command, folder=ROOT, **environment):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "PYTHONPATH": str(ROOT / "python"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(320)
def test_mlflow_behind_an_endpoint(containers):
    lines = run(containers, EXAMPLES / "container" / "mlflow_iris.py")
    assert lines[0] == "45 held-out rows, accuracy 0.911"
    assert lines[1].startswith("text/html: 415, This predictor only supports")


@pytest.mark.timeout(320)
def test_litserve_behind_an_endpoint(containers):
    lines = run(containers, EXAMPLES / "container" / "litserve_words.py")
    assert lines[0].startswith("the mean ")
    assert len(lines[0].split()) == 2 + 12 + 1
    assert lines[1] == "12 parts, one by one"


def test_testing_with_pytest(tmp_path):
    folder = shutil.copytree(EXAMPLES / "testing_with_pytest", tmp_path / "example")
    lines = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "sagewire.pytest_plugin"),
        folder=folder,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    assert lines[-1].startswith("6 passed")


def test_async_invocation():
    assert run(sys.executable, EXAMPLES / "async_invocation.py") == [
        "accepted, before it was done",
        "result: [3.0, 7.0]",
        "failure: ValueError: could not convert string to float: b'two'",
    ]
