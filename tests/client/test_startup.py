"""What is loaded, and when: the start-up path is short on purpose."""

import os
import subprocess
import sys

import sagewire

# 7 to 33 ms each on a bare interpreter.
SLOW = {
    "asyncio",
    "botocore",
    "boto3",
    "configparser",
    "dataclasses",
    "email",
    "enum",
    "http",
    "inspect",
    "json",
    "logging",
    "re",
    "socket",
    "ssl",
    "threading",
    "typing",
    "urllib",
}
CONSTRUCT = """
import sys
before = set(sys.modules)
import sagewire
{more}
print(" ".join(sorted(set(sys.modules) - before)))
"""


def loaded(more: str) -> set[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    environment["HOME"] = "/nonexistent"
    output = subprocess.run(
        [sys.executable, "-c", CONSTRUCT.format(more=more)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(output.split())


def test_import_loads_next_to_nothing() -> None:
    modules = loaded("")
    assert not modules & SLOW
    assert {name for name in modules if name.startswith("sagewire")} <= {
        "sagewire",
        "sagewire._impl",
        "sagewire._native",
        "sagewire._native._ext",
        "sagewire.client",
        "sagewire.client.factory",
    }


def test_construction_loads_nothing_slow() -> None:
    modules = loaded(
        "sagewire.client(region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')"
    )
    allowed = set() if sagewire.implementation == "native" else {"re", "enum"}
    assert not modules & (SLOW - allowed)


def test_keys_of_the_environment_load_nothing_slow_and_no_other_source() -> None:
    modules = loaded(
        "import os\n"
        "os.environ.update(AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b')\n"
        "sagewire.client(region_name='us-east-1')._settings.source.current()"
    )
    allowed = set() if sagewire.implementation == "native" else {"re", "enum"}
    assert not modules & (SLOW - allowed)
    others = ("role", "sts", "sso", "process", "container", "metadata", "static", "web_identity")
    assert not modules & {f"sagewire.credentials.{name}" for name in others}
    assert "sagewire.credential_exceptions" not in modules


def test_public_names_are_lazy_and_complete() -> None:
    for name in sagewire.__all__:
        assert getattr(sagewire, name) is not None
        assert name in dir(sagewire)
    assert callable(sagewire.client)
    assert sagewire.exceptions.__name__ == "sagewire.exceptions"
