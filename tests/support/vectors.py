"""The recorded vectors, which lie beside the checkout and are not part of a clone."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SAGEWIRE_VECTORS", ROOT.parent / "shared" / "vectors"))


@cache
def load(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file, one JSON object per line; none where the file is absent."""
    path = FOLDER / name
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
