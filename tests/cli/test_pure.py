"""What the command line says on the pure implementation."""

from tests.support.commands import run


def test_serve_needs_the_native_one_and_says_so():
    result = run("serve", "--endpoint", "e=null:", "--no-auth", SAGEWIRE_PURE="1")
    assert result.returncode == 1
    assert result.stdout == b""
    assert b"needs the native implementation" in result.stderr


def test_the_version_names_the_implementation():
    assert run("--version", SAGEWIRE_PURE="1").stdout.endswith(b" (pure)\n")
