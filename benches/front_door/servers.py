"""The contestants: nginx and `sagewire serve`, each a process on a core of its own."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from benches.peers.measure import pinned
from benches.report import ROOT
from sagewire.sigv4 import Credentials, Signer

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
TARGET = "/endpoints/model/invocations"
BODY = b"x" * 1024
ANSWER = 'location / { default_type text/plain; return 200 "ok"; }'
FORWARD = (
    "location / { proxy_pass http://container; proxy_http_version 1.1; "
    'proxy_set_header Connection ""; }'
)
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  client_body_buffer_size 64k; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream container {{ server {upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} reuseport; {location} }}
}}
"""
LUA = """
wrk.method = "POST"
wrk.body = "{body}"
{headers}
"""


def nginx_version() -> str:
    """Return nginx's name and version."""
    said = subprocess.run(["nginx", "-v"], check=True, capture_output=True, text=True).stderr
    return said.strip().removeprefix("nginx version: ")


class Running:
    """A server that runs: where it is, and what it has used."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str) -> None:
        self.process = process
        self.address = address
        # wrk sends the Host header that was signed, whatever the address.
        self.url = f"http://{address}{TARGET}"

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU that all its threads have used."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Return the memory that it has in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Group:
    """Servers that end together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Running] = []

    def __enter__(self) -> "Group":  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, *exception: object) -> None:
        for running in self._running:
            running.process.kill()
            running.process.wait()

    def nginx(self, name: str, location: str, core: int, upstream: str = "127.0.0.1:9") -> Running:
        """Start an nginx with one worker; `upstream` is where FORWARD forwards to."""
        folder = self._folder / name
        folder.mkdir()
        port = _free_port()
        config = folder / "nginx.conf"
        config.write_text(
            NGINX.format(folder=folder, port=port, location=location, upstream=upstream)
        )
        command = [*pinned(core), "nginx", "-p", str(folder), "-c", str(config)]
        return self._started(command, port)

    def sagewire(self, url: str, core: int) -> Running:
        """Start `sagewire serve` with one thread."""
        port, admin = _free_port(), _free_port()
        serve = [sys.executable, "-m", "sagewire.cli", "serve", "--endpoint", f"model={url}"]
        ports = ["--port", str(port), "--admin-port", str(admin)]
        running = self._started([*pinned(core), *serve, *ports], port)
        deadline = time.monotonic() + 20
        while not _is_ready(admin):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{url} is not found healthy")
            time.sleep(0.05)
        return running

    def script(self) -> Path:
        """Write wrk's script: a request that is signed now."""
        signer = Signer(
            Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"]),
            region="us-east-1",
            service="sagemaker",
        )
        headers = [("Content-Type", "application/octet-stream")]
        signed = signer.sign("POST", f"http://bench.invalid{TARGET}", headers, BODY)
        lines = [
            f'wrk.headers["{name}"] = "{value}"'
            for name, value in [("Host", "bench.invalid"), *headers, *signed]
        ]
        path = self._folder / "signed.lua"
        path.write_text(LUA.format(body=BODY.decode(), headers="\n".join(lines)))
        return path

    def _started(self, command: list[str], port: int) -> Running:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **KEYS, "SAGEWIRE_PURE": ""},
            cwd=ROOT,
        )
        self._running.append(Running(process, f"127.0.0.1:{port}"))
        _wait_for(port, process)
        return self._running[-1]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        # It opens after the port of the calls.
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")
