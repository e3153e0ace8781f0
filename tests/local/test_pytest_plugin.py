"""The pytest plugin, in pytest runs of their own, as its users have it."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """Run pytest on a test file and return the lines that it prints."""

    def run(code, *arguments, failed=0, **environment):
        (tmp_path / "test_it.py").write_text(code)
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "-p", "sagewire.pytest_plugin", *arguments, "test_it.py"],
            cwd=tmp_path,
            env={
                **{key: value for key, value in os.environ.items() if key[:4] != "AWS_"},
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == failed, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


def test_it_is_declared():
    manifest = (ROOT / "pyproject.toml").read_text("utf-8")
    section = manifest.partition("[project.entry-points.pytest11]\n")[2].partition("\n\n")[0]
    assert section == 'sagewire = "sagewire.pytest_plugin"'


def test_code_that_makes_its_own_clients(run):
    lines = run(
        """
import os
import boto3
import pytest
import sagewire

def predict(package):
    # The code under test: it knows nothing of local endpoints.
    client = package.client("sagemaker-runtime")
    return client.invoke_endpoint(EndpointName="iris", Body=b"x")["Body"].read()

@pytest.mark.parametrize("answer", ["one", "two"])
def test_it(sagemaker_endpoint, answer):
    local = sagemaker_endpoint({"iris": lambda request: answer})
    for package in (sagewire, boto3):
        assert predict(package) == answer.encode()
    assert os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == local.url
    test_it.last = local

def test_what_is_left():
    assert not [name for name in os.environ if name.startswith("AWS_")]
    assert repr(test_it.last).endswith("stopped>")
"""
    )
    assert lines[-1].startswith("3 passed")


def test_failures_are_scripted(run):
    lines = run(
        """
import pytest
import sagewire

def test_it(sagemaker_endpoint):
    local = sagemaker_endpoint({"iris": lambda request: b"ok"})
    config = sagewire.Config(retries={"max_attempts": 0})
    client = sagewire.client(**local.client_arguments, config=config)
    local.fail_with("ServiceUnavailable")
    local.drop_connection()
    call = lambda: client.invoke_endpoint(EndpointName="iris", Body=b"x")["Body"].read()
    with pytest.raises(client.exceptions.ServiceUnavailable):
        call()
    with pytest.raises(sagewire.exceptions.ConnectionClosedError):
        call()
    assert call() == b"ok"
"""
    )
    assert lines[-1].startswith("1 passed")


def test_the_machines_own_settings_are_kept_out(run):
    run(
        """
import boto3
import os

def test_it(sagemaker_endpoint):
    local = sagemaker_endpoint({"iris": lambda request: b"ok"}, region="eu-west-1")
    client = boto3.client("sagemaker-runtime")
    assert client.meta.region_name == "eu-west-1"
    assert client.invoke_endpoint(EndpointName="iris", Body=b"")["Body"].read() == b"ok"

def test_they_are_back():
    assert os.environ["AWS_PROFILE"] == "nobody"
    assert os.environ["AWS_SESSION_TOKEN"] == "T"
""",
        AWS_PROFILE="nobody",
        AWS_SESSION_TOKEN="T",
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
    )


def test_the_arguments_are_those_of_local_endpoint(run):
    lines = run(
        """
def test_it(sagemaker_endpoint):
    sagemaker_endpoint({"a b": len})
""",
        failed=1,
    )
    assert any("'a b' is no name of an endpoint" in line for line in lines)


def test_it_costs_next_to_nothing_for_those_who_do_not_use_it(run):
    lines = run(
        """
import sys

def test_it():
    print("loaded:", *sorted(name for name in sys.modules if name.startswith("sagewire")))
"""
    )
    (line,) = [line for line in lines if line.startswith("loaded: ")]
    assert set(line.split()[1:]) <= {
        "sagewire",
        "sagewire._impl",
        "sagewire._native",
        "sagewire._native._ext",
        "sagewire.client",
        "sagewire.client.factory",
        "sagewire.pytest_plugin",
    }


def test_it_is_listed_with_its_explanation(run):
    lines = run("def test_it(): pass", "--fixtures")
    start = next(number for number, line in enumerate(lines) if "sagemaker_endpoint" in line)
    assert "SageMaker endpoints for the time of a test" in " ".join(lines[start : start + 2])
