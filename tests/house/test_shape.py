"""Sizes, first lines, and what may not stand in the tree."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, of_kind, tracked

MAX_LINES = 600


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


SOURCES = [path for path in of_kind(".py", ".rs") if path.relative_to(ROOT).parts[0] != "tests"]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_module_has_one_purpose(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", of_kind(".py", ".pyi"), ids=name)
def test_a_python_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", of_kind(".rs"), ids=name)
def test_a_rust_file_says_what_it_is(path: Path) -> None:
    assert path.read_text("utf-8").startswith("//! ")


@pytest.mark.parametrize("path", tracked(), ids=name)
def test_no_path_of_a_machine_and_no_registry_host(path: Path) -> None:
    if path.suffix == ".lock" or path == Path(__file__):
        return
    text = path.read_text("utf-8", errors="replace")
    hosts = r"(?<![\w.])(pypi\.org|files\.pythonhosted\.org|index\.crates\.io|static\.crates\.io)"
    paths = r"(?<![\w.])(/work/|/root/|/home/[a-z]+/|/Users/[a-z]+/)"
    assert not re.search(f"{hosts}|{paths}", text)


def test_no_unsafe_outside_a_written_reason() -> None:
    for path in of_kind(".rs"):
        for line in path.read_text("utf-8").splitlines():
            assert not re.match(r"\s*(pub )?unsafe (fn|impl|\{)|.*[=(] unsafe \{", line), name(path)
    for crate in ("core", "net"):
        assert "#![forbid(unsafe_code)]" in (ROOT / f"rust/{crate}/src/lib.rs").read_text("utf-8")
