"""The fixtures of the command line's tests."""

import pytest

from tests.support.local_endpoints import boto, container

__all__ = ["CREDENTIALS", "boto", "container", "file"]

CREDENTIALS = '[[credentials]]\naccess_key_id = "AKID"\nsecret_access_key = "S3CRET"\n'


@pytest.fixture
def file(tmp_path):
    """Write a configuration whose server takes any free port; return its path."""

    def write(text, server=""):
        path = tmp_path / "serve.toml"
        path.write_text(f"[server]\nport = 0\n{server}\n{text}{CREDENTIALS}")
        return str(path)

    return write
