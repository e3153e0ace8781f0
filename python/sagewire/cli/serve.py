"""Serve models in containers as SageMaker Runtime does: signed calls in, /invocations behind.

With --config everything stands in a TOML file (docs/serve.md lists its keys). With --endpoint the
rest is flags, and calls must be signed with the credentials of AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, for any of the endpoints.

SIGTERM and SIGINT: no new connections, calls in flight end, then the service does. A second one
ends it at once. SIGHUP: the file is read again; what is wrong with it is said, and the
old one kept.

    sagewire serve --config serve.toml
    sagewire serve --endpoint my-endpoint=http://localhost:8000 --port 8080
"""

import os
import sys

from sagewire.cli import FAILED, WRONG_USE, endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from sagewire._native._ext import Lookup, Service

SUMMARY = "serve models in containers as SageMaker Runtime does"
DEFAULT_PORT = 8080
# How often a service that is ending looks whether it has ended, in seconds.
LOOK_SECONDS = 0.1


def add_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", metavar="FILE", help="a TOML file with everything")
    source.add_argument(
        "--endpoint",
        action="append",
        metavar="NAME=URL",
        help="an endpoint and its container; more than once for more",
    )
    parser.add_argument("--check", action="store_true", help="check the configuration and end")
    flags = parser.add_argument_group("with --endpoint")
    flags.add_argument("--host", metavar="ADDRESS", help="where to listen (127.0.0.1)")
    flags.add_argument("--port", type=int, help=f"where to listen ({DEFAULT_PORT}; 0: any)")
    flags.add_argument("--admin-port", type=int, metavar="PORT", help="health and metrics")
    flags.add_argument("--region", metavar="NAME", help="the region of signatures (us-east-1)")
    flags.add_argument("--access-log", metavar="FILE|-", help="a line for each call")
    flags.add_argument(
        "--no-auth", action="store_true", help="look at no signature; on loopback only"
    )


def run(given: "argparse.Namespace") -> int:
    """Serve until told to end; return the exit code."""
    import sagewire

    if sagewire.implementation != "native":
        endpoint.say(
            "sagewire serve needs the native implementation, and this is the pure one; "
            "LocalEndpoint works with both"
        )
        return FAILED
    from sagewire._native.serve import Service

    try:
        text = _text(given)
        if given.check:
            Service.check(text, os.environ.get)
            return 0
        # Before the service's threads start, so that the signals are this thread's alone.
        wait = _take_signals()
        service = Service(text, os.environ.get)
    except (ValueError, FileNotFoundError) as error:
        endpoint.say(f"{given.config or 'command line'}: {error}")
        return WRONG_USE
    except OSError as error:
        endpoint.say(error)
        return FAILED
    return _serve(given, service, wait)


def _serve(
    given: "argparse.Namespace", service: "Service", wait: "Callable[..., int | None]"
) -> int:
    import signal
    import threading

    if service.credentials_from is not None:
        try:
            _answer_lookups(service, service.credentials_from)
        except (ImportError, AttributeError, ValueError) as error:
            endpoint.say(f"server.credentials_from: {error}")
            service.stop()
            return WRONG_USE
    if not service.needs_signature:
        endpoint.say("warning: calls need no signature; whoever reaches this port may call")
    host = f"[{service.host}]" if ":" in service.host else service.host
    print(f"{'https' if service.secure else 'http'}://{host}:{service.port}", flush=True)  # noqa: T201
    if service.admin_port is not None:
        endpoint.say(f"health, readiness and metrics on port {service.admin_port}")
    while (number := wait(None)) == signal.SIGHUP:
        _reload(given, service)
    endpoint.say("ending; calls in flight may end first")
    ending = threading.Thread(target=service.stop, daemon=True)
    ending.start()
    while ending.is_alive():
        if wait(LOOK_SECONDS) in (signal.SIGTERM, signal.SIGINT):
            endpoint.say("ended with calls in flight")
            # The service's threads cannot be asked to leave them.
            os._exit(128 + (number or 0))
    return 0


def _take_signals() -> "Callable[[float | None], int | None]":
    """Keep the signals from interrupting anything; return how to wait for the next one."""
    import signal

    wanted = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)

    def wait(seconds: "float | None") -> "int | None":
        if seconds is None:
            return signal.sigwait(wanted)
        found = signal.sigtimedwait(wanted, seconds)
        return None if found is None else found.si_signo

    return wait


def _reload(given: "argparse.Namespace", service: "Service") -> None:
    if given.config is None:
        endpoint.say("SIGHUP: there is no file to read again")
        return
    try:
        service.reload(_text(given), os.environ.get)
    except (ValueError, OSError) as error:
        endpoint.say(f"{given.config}: {error}; the old configuration is kept")
    else:
        endpoint.say(f"{given.config}: read again")


def _text(given: "argparse.Namespace") -> str:
    """Return the configuration, from the file or from flags."""
    if given.config is None:
        return _from_flags(given)
    for flag in ("host", "port", "admin_port", "region", "access_log", "no_auth"):
        if getattr(given, flag) not in (None, False):
            name = "--" + flag.replace("_", "-")
            raise ValueError(f"{name} stands beside --endpoint; with --config it is in the file")
    with open(given.config, encoding="utf-8") as file:  # noqa: PTH123 - as in endpoint.py
        return file.read()


def _from_flags(given: "argparse.Namespace") -> str:
    from json import dumps as quoted  # every JSON string is a TOML string

    from sagewire.exceptions import InvalidArgumentError
    from sagewire.local import arguments

    lines = ["[server]"]
    host = arguments.host(given.host or "127.0.0.1")
    port = arguments.integer("--port", DEFAULT_PORT if given.port is None else given.port, 0, 65535)
    lines += [f"address = {quoted(host)}", f"port = {port}"]
    lines.append(f"region = {quoted(arguments.region(given.region or 'us-east-1'))}")
    if given.access_log is not None:
        lines.append(f"access_log = {quoted(given.access_log)}")
    if given.no_auth:
        lines.append("no_auth = true")
    elif not (os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")):
        raise ValueError(
            "calls have to be signed by somebody: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "use --config, or --no-auth on loopback"
        )
    else:
        lines += ["[[credentials]]", f"access_key_id = {quoted(os.environ['AWS_ACCESS_KEY_ID'])}"]
        lines.append('secret_access_key_env = "AWS_SECRET_ACCESS_KEY"')
        if os.environ.get("AWS_SESSION_TOKEN"):
            lines.append('session_token_env = "AWS_SESSION_TOKEN"')
    if given.admin_port is not None:
        lines += ["[admin]", f"address = {quoted(host)}"]
        lines.append(f"port = {arguments.integer('--admin-port', given.admin_port, 0, 65535)}")
    names = set()
    for text in given.endpoint:
        name, equals, url = text.partition("=")
        if not equals or name in names:
            raise InvalidArgumentError(
                argument="--endpoint", problem=f"{text!r}", allowed="NAME=URL, each name once"
            )
        names.add(arguments.name("--endpoint", "an endpoint", name))
        if url != "null:":
            arguments.container_address("--endpoint", url)
        lines += [f"[endpoints.{name}]", f"url = {quoted(url)}"]
    return "\n".join(lines) + "\n"


def _answer_lookups(service: "Service", source: str) -> None:
    """Answer for keys that the file does not have, on a thread of its own.

    `module:function` takes an access key id and returns `None`, or `sagewire.sigv4.Credentials`, or
    those and the patterns of the endpoints that may be called with them.
    """
    import importlib
    import threading

    module, colon, name = source.partition(":")
    if not colon:
        raise ValueError(f"{source!r} is no module:function")
    # The module stands beside the file, or wherever Python looks.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as in endpoint.py
    function = getattr(importlib.import_module(module), name)

    def answer() -> None:
        while (lookup := service.take_lookup()) is not None:
            try:
                lookup.answer(_found(function(lookup.access_key_id)))
            except Exception as error:  # noqa: BLE001 - the function is the user's
                endpoint.say(f"{source}: {type(error).__name__}: {error}")
                _give_up(lookup)

    threading.Thread(target=answer, name="sagewire-credentials", daemon=True).start()


def _give_up(lookup: "Lookup") -> None:
    lookup.answer(None)


def _found(result: "Any") -> "tuple[str, str | None, int | None, list[str]] | None":
    if result is None:
        return None
    credentials, endpoints = result if isinstance(result, tuple) else (result, ["*"])
    expires_at = credentials.expires_at
    return (
        credentials.secret_access_key,
        credentials.token,
        None if expires_at is None else int(expires_at.timestamp()),
        list(endpoints),
    )
