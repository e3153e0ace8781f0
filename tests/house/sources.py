"""The files of the tree, for the tests that keep its rules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "sagewire"
CAPABILITIES = ("bodies", "eventstream", "headers", "reactor", "server", "sigv4", "transport")


@cache
def tracked() -> list[Path]:
    """Return the files that git tracks, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in map(ROOT.joinpath, names.splitlines()) if path.is_file()]


def of_kind(*endings: str) -> list[Path]:
    return [path for path in tracked() if path.suffix in endings]


def module_name(path: Path) -> str:
    """Return the dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_modules() -> list[Path]:
    return [path for path in of_kind(".py") if path.is_relative_to(PACKAGE)]


def imports(path: Path) -> set[str]:
    """Return the modules of the package that a module imports when it runs, at whatever depth."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == "sagewire"}


def _running(node: ast.AST) -> list[ast.AST]:
    """Return the nodes under `node`, but for those under `if TYPE_CHECKING:`."""
    nodes = [node]
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        nodes += _running(child)
    return nodes
