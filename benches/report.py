"""What all records of figures share: the day and the machine, verdicts, and where they are kept."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benches" / "record"


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


def verdict(
    what: str, value: float, limit: float, *, least: bool = False, digits: int = 2, more: str = ""
) -> str:
    met = value >= limit if least else value <= limit
    kind = "at least" if least else "at most"
    return f"- {what}: {value:.{digits}f}, {kind} {limit:.3g}: {'met' if met else 'NOT met'}{more}"


def keep(about: str, versions: str, lines: list[str]) -> None:
    """Write a record of today and print it. `about` is its subject, empty for the main one."""
    today = datetime.date.today()  # noqa: DTZ011 - the machine's own date
    title = f"# {today}: {about}" if about else f"# {today}"
    text = "\n".join([title, "", f"{machine()}. {versions}.", *lines])
    RECORD.mkdir(exist_ok=True)
    record = RECORD / f"{'-'.join([str(today), *about.split()])}.md"
    record.write_text(text)
    print(text)
    print(f"kept in {record.relative_to(ROOT)}")
