"""Recorded cases: how one becomes a call of our client, and how what happened is compared.

The pool's address is the one thing that is overridden: every connection goes to the capture
server, whatever the URL's host, as in the recording. Time and chance are frozen as the README of
the vectors says.
"""

import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sagewire
from sagewire.client.sync import SageMakerRuntime
from tests.support.capture import Captured

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
INVOCATION_ID = "5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f"


def epoch(text: str) -> int:
    from datetime import datetime, timezone

    return int(
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    )


def unwrapped(value: Any) -> Any:
    """Undo the wrapping of what strict JSON cannot hold."""
    if isinstance(value, dict):
        if set(value) == {"surrogatepass_b64"}:
            data = base64.b64decode(value["surrogatepass_b64"])
            return data.decode("utf-8", "surrogatepass")
        if set(value) == {"bytes_b64"}:
            return base64.b64decode(value["bytes_b64"])
        if set(value) == {"float"}:
            return float(value["float"])
        if set(value) == {"unsigned"}:
            return sagewire.UNSIGNED
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    return value


def sha256ctr(seed: str, length: int) -> bytes:
    pieces = (
        hashlib.sha256(seed.encode() + counter.to_bytes(8, "big")).digest()
        for counter in range((length + 31) // 32)
    )
    return b"".join(pieces)[:length]


class Unseekable:
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class SizedReader(Unseekable):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._size = len(data)

    def __len__(self) -> int:
        return self._size


class NoSeekRaw(io.RawIOBase):
    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


def body(spec: Any, stack: contextlib.ExitStack) -> Any:
    """Return the object that a case's `Body` stands for."""
    if not isinstance(spec, dict) or "type" not in spec:
        return unwrapped(spec)
    kind = spec["type"]
    if "rule" in spec:
        data = sha256ctr(spec["rule"]["seed"], spec["rule"]["len"])
    elif "b64" in spec:
        data = base64.b64decode(spec["b64"])
    else:
        data = unwrapped(spec.get("text", "")).encode("utf-8", "surrogatepass")
    offset = spec.get("offset", 0)

    def file(mode: str, **options: Any) -> Any:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "body"
        path.write_bytes(data)
        opened = stack.enter_context(path.open(mode, **options))
        opened.seek(offset)
        return opened

    def positioned(opened: Any) -> Any:
        opened.seek(offset)
        return opened

    def pipe() -> Any:
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        return stack.enter_context(os.fdopen(reader, "rb"))

    import array

    makers: dict[str, Callable[[], Any]] = {
        "bytes": lambda: data,
        "bytearray": lambda: bytearray(data),
        "memoryview": lambda: memoryview(data),
        "str": lambda: data.decode("utf-8", "surrogatepass"),
        "bytesio": lambda: positioned(io.BytesIO(data)),
        "stringio": lambda: positioned(io.StringIO(data.decode(), newline="")),
        "file": lambda: file("rb"),
        "rawfile": lambda: file("rb", buffering=0),
        "textfile": lambda: file("r", encoding="utf-8", newline=""),
        "unseekable": lambda: Unseekable(data),
        "sized_reader": lambda: SizedReader(data),
        "noseek_raw": lambda: NoSeekRaw(data),
        "noseek_buffered": lambda: io.BufferedReader(NoSeekRaw(data)),
        "pipe": pipe,
        "generator": lambda: (piece for piece in [data]),
        "iterator_list": lambda: iter([data]),
        "none": lambda: None,
        "int": lambda: 5,
        "list": lambda: [b"a", b"b"],
        "dict": lambda: {"a": 1},
        "array": lambda: array.array("B", data),
    }
    return makers[kind]()


def client_arguments(case: dict[str, Any], ca: str) -> dict[str, Any]:
    arguments = {key: unwrapped(value) for key, value in case["client"].items()}
    if arguments.get("verify") == "{CA}":
        arguments["verify"] = ca
    if "config" in arguments:
        arguments["config"] = sagewire.Config(**arguments["config"])
    return arguments


@contextlib.contextmanager
def redirected(address: Callable[[str, int], tuple[str, int]]) -> Iterator[list[str]]:
    """Make every pool dial another address; yield the addresses that were meant."""
    from sagewire._impl import transport

    meant: list[str] = []
    from sagewire.client import looping

    originals = transport.Pool, transport.Proxy, looping.pool_arguments

    def pool(scheme: str, host: str, port: int, **options: Any) -> Any:
        if options.get("proxy") is None:
            meant.append(f"{host}:{port}")
            host, port = address(host, port)
        return originals[0](scheme, host, port, **options)

    def proxy(url: str, host: str, port: int, *options: Any) -> Any:
        meant.append(f"{host}:{port}")
        return originals[1](url, *address(host, port), *options)

    def pool_arguments(*given: Any) -> dict[str, Any]:
        arguments = originals[2](*given)
        if arguments["proxy"] is None:
            host, port = arguments["host"], arguments["port"]
            meant.append(f"{host}:{port}")
            arguments["host"], arguments["port"] = address(host, port)
        return arguments

    transport.Pool, transport.Proxy, looping.pool_arguments = pool, proxy, pool_arguments
    try:
        yield meant
    finally:
        transport.Pool, transport.Proxy, looping.pool_arguments = originals


def frozen(client: SageMakerRuntime, time: str) -> list[float]:
    """Freeze a client's clock and chance; return the list of the waits it will not sleep."""
    sleeps: list[float] = []
    now = epoch(time)
    client._ambient.now = lambda: now
    client._ambient.uniform = lambda: 0.5
    client._ambient.new_id = lambda: INVOCATION_ID
    client._ambient.sleep = sleeps.append
    # The recording waited for the client's own rate without noting it, by a clock that went on.
    elapsed = [0.0]
    client._ambient.monotonic = lambda: elapsed[0]
    client._ambient.hold = lambda seconds: elapsed.append(elapsed.pop() + seconds)
    return sleeps


def user_agent(recorded: str) -> str:
    """Return what our `User-Agent` is to be where boto3's was this.

    Ours names one product, not three, and has no letters for checksums, which it does not make.
    """
    text = recorded.replace("{os}", platform.system().lower())
    text = text.replace("{os_version}", platform.release())
    text = text.replace("{arch}", platform.machine().lower())
    text = text.replace("{python}", platform.python_version())
    text = text.replace("{pyimpl}", platform.python_implementation())
    product = f"sagewire/{sagewire.__version__}"
    text = text.replace("Boto3/1.44.5 md/Botocore#1.44.5", product)
    if "ua/2.1" in text:
        text = text.replace(" Botocore/1.44.5", "")
        before, _, rest = text.partition(" m/")
        letters, _, after = rest.partition(" ")
        kept = [letter for letter in letters.split(",") if letter not in "Zabc"]
        text = f"{before} m/{','.join(kept)} {after}"
    return text.replace("Botocore/1.44.5", product)


def qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def same_error(expected: dict[str, Any], error: BaseException) -> None:
    """Assert that an error is what boto3 raised: class, bases and words."""
    names = [cls.__name__ for cls in type(error).__mro__]
    home, _, name = expected["type"].rpartition(".")
    if not home.startswith("botocore"):
        builtins = __import__("builtins")
        kinds = [getattr(builtins, name, None), getattr(io, name, None)]
        if kinds == [None, None]:  # a library's own class: one of its bases will do
            kinds = [getattr(builtins, base, None) for base in expected["mro"]]
            kinds = [kind for kind in kinds if kind is not Exception]
        assert any(kind and isinstance(error, kind) for kind in kinds), repr(error)
        if name == "ValueError" and str(expected["message"]).startswith("Invalid endpoint"):
            assert str(error) == expected["message"]
        return
    assert name == names[0], repr(error)
    for base in expected["mro"]:
        if base not in ("BaseEndpointResolverError", "EndpointProviderError", "ValidationError"):
            assert base in names
    if expected.get("message_exact", True):
        assert str(error) == unwrapped(expected["message"])
    if "response" in expected:
        assert json.loads(json.dumps(error.response)) == unwrapped(expected["response"])
        assert list(error.response.get("ResponseMetadata", ())) == list(
            expected["response"].get("ResponseMetadata", ())
        )
        assert error.operation_name == expected["operation_name"]


def ca_of(authority: Any, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def verify_signature(request: Captured, secret: str = SECRET) -> None:
    """Assert that a server that sees only these bytes finds the signature correct."""
    fields = dict(
        part.split("=", 1)
        for part in request.header("authorization").partition(" ")[2].split(", ")  # type: ignore[union-attr]
    )
    scope = fields["Credential"].partition("/")[2]
    signed = fields["SignedHeaders"].split(";")
    path, _, query = request.target.partition("?")
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(quote(segment, safe="-._~"))
    canonical_path = "/" + "/".join(segments)
    pairs = sorted(([*pair.split("=", 1), ""])[:2] for pair in query.split("&") if pair)
    values = {
        name: b" ".join(request.header(name).encode("latin-1").split())  # type: ignore[union-attr]
        for name in signed
    }
    canonical = b"\n".join(
        [
            request.method.encode(),
            canonical_path.encode(),
            "&".join("=".join(pair) for pair in pairs).encode(),
            *(name.encode() + b":" + values[name] for name in signed),
            b"",
            ";".join(signed).encode(),
            request.body_sha256.encode(),
        ]
    )
    date = request.header("x-amz-date")
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), to_sign]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert fields["Signature"] == key.hex()
