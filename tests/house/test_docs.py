"""Links resolve, examples run, every dependency has its line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT, of_kind

PAGES = of_kind(".md")
TOML_NAME = re.compile(r'^\s*"?([A-Za-z0-9_-]+)', re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"


@pytest.mark.parametrize(
    "code",
    re.findall(r"<!-- runs -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL),
)
def test_the_examples_of_the_readme_run(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=os.environ)


def test_every_crate_has_its_line() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    manifest = (ROOT / "Cargo.toml").read_text("utf-8")
    section = manifest.partition("[workspace.dependencies]\n")[2].partition("\n[")[0]
    crates = [line.split("=")[0].strip() for line in section.splitlines() if "=" in line]
    assert len(crates) > 10
    for crate in crates:
        if not crate.startswith("sagewire"):
            assert f"`{crate}`" in page, f"docs/dependencies.md has no line for {crate}"


def test_every_python_package_has_its_line() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    manifest = (ROOT / "pyproject.toml").read_text("utf-8")
    section = manifest.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    packages = set(re.findall(r'"([a-z0-9-]+)[\["><=]', section))
    assert len(packages) > 10
    for package in packages:
        assert f"`{package}`" in page, f"docs/dependencies.md has no line for {package}"


def test_no_dependencies_at_run_time() -> None:
    assert "\ndependencies = []\n" in (ROOT / "pyproject.toml").read_text("utf-8")
