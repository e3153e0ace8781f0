"""Who may import whom (ARCHITECTURE.md). What start-up loads: tests/client/test_startup.py."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import PACKAGE, ROOT, imports, module_name, of_kind, package_modules

# Low to high; a module imports from its own layer and from lower ones.
LAYERS = [
    ("bridge",),
    ("exceptions", "credential_exceptions"),
    ("_pure", "_native"),
    ("_impl",),
    ("sigv4", "headers", "streams", "model"),
    ("config", "credentials", "endpoints", "proxies", "retries"),
    ("client",),
    ("auth", "local", "cli"),
    ("pytest_plugin",),
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", package_modules(), ids=module_name)
def test_imports_point_downward(path: Path) -> None:
    own = part(module_name(path))
    if own == "":
        return  # the package itself has the public names of every layer
    for imported in imports(path):
        other = part(imported)
        if other in RANK:
            assert RANK[other] <= RANK[own], f"{module_name(path)} imports {imported}"


@pytest.mark.parametrize("path", package_modules(), ids=module_name)
def test_twins_do_not_import_each_other(path: Path) -> None:
    own = part(module_name(path))
    other = {"_pure": "_native", "_native": "_pure"}.get(own)
    assert other not in {part(imported) for imported in imports(path)}


def test_every_part_has_a_layer() -> None:
    parts = {part(module_name(path)) for path in package_modules()} - {""}
    assert parts <= RANK.keys()


def test_only_impl_reads_the_switch() -> None:
    readers = [
        path.name
        for path in package_modules()
        if re.search(r"environ.*SAGEWIRE_PURE|getenv.*SAGEWIRE_PURE", path.read_text("utf-8"))
    ]
    assert readers == ["_impl.py"]


@pytest.mark.skipif(
    shutil.which("cargo") is None or "SAGEWIRE_PURE" in os.environ,
    reason="about the native half, which the pure run does without",
)
def test_the_core_knows_no_host() -> None:
    command = ["cargo", "tree", "-p", "sagewire-core", "-e", "normal", "--prefix", "none"]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    crates = {line.split()[0] for line in tree.splitlines() if line}
    assert "sagewire-core" in crates
    assert not crates & {"pyo3", "tokio", "rustls", "hyper", "socket2", "sagewire-net"}


def test_the_core_has_no_clock_and_no_environment() -> None:
    for path in of_kind(".rs"):
        if path.is_relative_to(ROOT / "rust" / "core" / "src"):
            text = path.read_text("utf-8")
            for banned in ("SystemTime::now", "Instant::now", "std::env", "std::net"):
                assert banned not in text, f"{path.relative_to(PACKAGE.parents[1])}: {banned}"
