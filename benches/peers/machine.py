"""The machine that figures are from, in a line of their record."""

import os
import platform
import subprocess
from pathlib import Path


def machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    rust = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"CPython {platform.python_version()}, {' '.join(rust.split()[:2])}"
    )
