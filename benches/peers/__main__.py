"""Measure everything, print ratios first, and keep a dated record with the machine."""

import subprocess
from pathlib import Path

from benches.peers import loads, startup, streams
from benches.peers.contestants import CALLS, SIGNING
from benches.peers.measure import ROUNDS, Figure, in_turn, pinned
from benches.report import ROOT, keep, verdict

SERVER = ROOT / "target" / "release" / "examples" / "answer"


def versions() -> str:
    from importlib.metadata import version

    names = ("sagewire", "boto3", "botocore", "awscrt", "requests-aws4auth")
    return ", ".join(f"{name} {version(name)}" for name in names)


def table(title: str, figures: dict[str, Figure], unit: str) -> list[str]:
    ours = figures["sagewire"].cpu
    lines = [f"### {title}", "", f"| | CPU, x sagewire | CPU, us {unit} | wall, us {unit} |"]
    lines.append("|---|---|---|---|")
    for name, figure in figures.items():
        row = f"| {name} | {figure.cpu / ours:.2f} | {figure.cpu:.1f} | {figure.wall:.1f} |"
        lines.append(row)
    return [*lines, ""]


def server_cpu_us(pid: int) -> float:
    import os

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") * 1e6


def main() -> None:
    signing = in_turn("SIGNING", SIGNING, 0)
    server = subprocess.Popen([*pinned(1), SERVER], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline() if server.stdout else 0)
        calls = in_turn("CALLS", CALLS, port)
        answered = sum((times * ROUNDS + 100) for _, _, times in CALLS.values())
        peer = server_cpu_us(server.pid) / answered
        starts = startup.run(port)
    finally:
        server.kill()
        server.wait()
    parts = streams.run()
    others = loads.run()
    large, sixteen, tls = others["LARGE"], others["SIXTEEN"], others["TLS"]

    ours, raw = calls["sagewire"].cpu, calls["raw socket"].cpu
    ours_signing = signing["sagewire"].cpu
    bare_ms, bare_mib = starts["bare python"]
    ours_ms, ours_mib = starts["sagewire"]
    first_ms, first_mib = starts["sagewire and its first call"]
    lines = [
        (
            f"Medians of {ROUNDS} interleaved rounds; each contestant in its own process on one "
            f"core, the peer on the other, where it spent {peer:.1f} us of CPU a call."
        ),
        "",
        "## Targets",
        "",
        *(
            verdict(f"signing / {peer}'s", ours_signing / signing[peer].cpu, limit, digits=3)
            for peer, limit in (("botocore", 1 / 20), ("awscrt", 1 / 6))
        ),
        verdict("call / raw socket's", ours / raw, 1.5),
        verdict("call / boto3's", ours / calls["boto3"].cpu, 1 / 15, digits=3),
        verdict("a part of a stream, us of CPU", parts["sagewire"].cpu, 1),
        verdict("call over TLS / plain", tls["sagewire"].cpu / ours, 1.3),
        verdict(
            "6 MiB / SHA-256 and raw socket",
            large["sagewire"].cpu / large["SHA-256 and raw socket"].cpu,
            1.15,
        ),
        verdict(
            "16 threads, time a call / raw sockets'",
            sixteen["sagewire"].wall / sixteen["raw socket"].wall,
            2,
        ),
        verdict("import and client, ms over bare Python", ours_ms - bare_ms, 20),
        verdict("import, client and first call, ms over bare Python", first_ms - bare_ms, 20),
        verdict("import, client and first call, MiB over bare Python", first_mib - bare_mib, 8),
        "",
        *table("Signing a POST of 1 KiB", signing, "a signature"),
        *table("One call: 1 KiB out, 27 bytes back, plain", calls, "a call"),
        *table("The same over TLS", tls, "a call"),
        *table("One call: 6 MiB out, 27 bytes back, plain", large, "a call"),
        *table("1 KiB from 16 threads at once", sixteen, "a call"),
        *table("A response stream of parts of 64 bytes, a chunk each", parts, "a part"),
        "### Start-up: import and client in a fresh process",
        "",
        "| | CPU over bare Python, ms | memory over bare Python, MiB |",
        "|---|---|---|",
    ]
    for name, (milliseconds, mebibytes) in starts.items():
        over = f"{milliseconds - bare_ms:.1f} | {mebibytes - bare_mib:.1f}"
        lines.append(f"| {name} | {over} |")
    lines += ["", f"Memory of sagewire, Python's included: {ours_mib:.1f} MiB.", ""]
    keep("", versions(), lines)


main()
