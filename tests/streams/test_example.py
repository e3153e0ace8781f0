"""The example of response streams runs, and says what it should."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "streaming.py"


def test_the_example_runs():
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    assert made.stdout.startswith("tokens: The quick brown fox")
    assert made.stderr == ""
