"""Print the requirements of an extra of pyproject.toml, or of the build system (`build`)."""

import sys
from pathlib import Path
from typing import Any


def read(path: Path) -> "dict[str, Any]":
    """Return the file's content, read by whichever TOML parser there is."""
    if sys.version_info >= (3, 11):
        import tomllib as toml
    else:  # Python 3.10 has none of its own, but every virtual environment has pip's
        from pip._vendor import tomli as toml
    content: dict[str, Any] = toml.loads(path.read_text("utf-8"))
    return content


def main() -> None:
    """Print one requirement a line."""
    extra = sys.argv[1]
    content = read(Path(__file__).parents[1] / "pyproject.toml")
    extras = content["project"]["optional-dependencies"]
    wanted = content["build-system"]["requires"] if extra == "build" else extras.get(extra)
    if wanted is None:
        sys.exit(f"{extra!r} is no extra of pyproject.toml; there are {', '.join(extras)}, build")
    sys.stdout.write("\n".join(wanted) + "\n")


main()
