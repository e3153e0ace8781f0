"""Fakes of the services that give out credentials, on real sockets: IMDS, containers, STS, SSO.

Each records what it is asked and answers from a function, which may hang: until the fake is left,
as a service does that accepts and says nothing.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import sagewire

HANG = object()


def source_of(**arguments: Any) -> Any:
    """Return the source of credentials that a new client found."""
    return sagewire.client(**arguments)._settings.source


class Asked:
    """One request: method, path, query, headers (names in lower case) and body."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.target = target
        self.path = urlsplit(target).path
        self.query = dict(parse_qsl(urlsplit(target).query))
        self.headers = headers
        self.body = body

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("ascii")))

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"


class Fake:
    """`with Fake(answer) as fake:`; `answer(asked)` returns a body, (status, body), or `HANG`."""

    def __init__(self, answer: Callable[[Asked], Any]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.left = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                fake.asked.append(asked)
                answer = fake.answer(asked)
                if answer is HANG:
                    fake.left.wait(60)
                    self.close_connection = True
                    return
                status, content = answer if isinstance(answer, tuple) else (200, answer)
                extra: dict[str, str] = {}
                if isinstance(content, dict):
                    extra = content.pop("-headers", {})
                    content = json.dumps(content)
                data = content if isinstance(content, bytes) else content.encode()
                self.send_response(status)
                for name, value in {**extra, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = handle_any  # noqa: N815 - the standard library's names

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Fake":  # noqa: PYI034 - Self is not in Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.left.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, beginning: str) -> int:
        """Return how many requests began so, such as `GET /latest/meta-data`."""
        return sum(repr(asked).startswith(beginning) for asked in self.asked)


def stamp(seconds: float) -> str:
    """Return the moment that lies so many seconds ahead, as the services write it."""
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def role_document(key: str = "ASIAFAKE", seconds: float = 3600, **others: Any) -> dict[str, Any]:
    """Return what IMDS and containers answer."""
    return {
        "Code": "Success",
        "AccessKeyId": key,
        "SecretAccessKey": "fakesecret",
        "Token": "faketoken",
        "Expiration": stamp(seconds),
        **others,
    }


class Imds(Fake):
    """The instance metadata service, version 2: a token, a role's name, a document, a zone."""

    def __init__(self, document: Callable[[], Any] | None = None) -> None:
        self.document = document or role_document
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Any:
        if asked.path == "/latest/api/token":
            return "imds-token"
        if asked.headers.get("x-aws-ec2-metadata-token") != "imds-token":
            return 401, "no token"
        if asked.path == "/latest/meta-data/iam/security-credentials/":
            return "the-role"
        if asked.path == "/latest/meta-data/placement/availability-zone/":
            return "eu-west-1b"
        if asked.path == "/latest/meta-data/iam/security-credentials/the-role":
            return self.document()
        return 404, "no such path"


class Sts(Fake):
    """AWS STS: answers both operations; the keys tell which role was assumed, and how often."""

    def __init__(self, seconds: float = 3600) -> None:
        self.seconds = seconds
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Any:
        form = asked.form
        number = len(self.asked)
        return (
            f'<{form["Action"]}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{form['Action']}Result><Credentials><AccessKeyId>ASIA{number}</AccessKeyId>"
            f"<SecretAccessKey>secret{number}</SecretAccessKey>"
            f"<SessionToken>{form['RoleArn']}</SessionToken>"
            f"<Expiration>{stamp(self.seconds)}</Expiration></Credentials>"
            f"</{form['Action']}Result></{form['Action']}Response>"
        )


def sts_error(code: str, message: str = "no") -> str:
    """Return the body of an STS error."""
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
        "</Error><RequestId>r-1</RequestId></ErrorResponse>"
    )
