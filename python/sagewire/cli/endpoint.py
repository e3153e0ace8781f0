"""What `invoke` and `bench` have in common: the client's options, a call's options, its errors."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from sagewire.client.sync import SageMakerRuntime

# The option, the call's argument, what it is for.
MEMBERS = (
    ("--content-type", "ContentType", "the media type of the body"),
    ("--accept", "Accept", "the media type that is wanted back"),
    ("--custom-attributes", "CustomAttributes", "passed on verbatim"),
    ("--target-model", "TargetModel", "a model of a multi-model endpoint"),
    ("--target-variant", "TargetVariant", "a production variant"),
    ("--target-container-hostname", "TargetContainerHostname", "a container"),
    ("--inference-component", "InferenceComponentName", "an inference component"),
    ("--inference-id", "InferenceId", "your name for this inference"),
    ("--session-id", "SessionId", "a session, or NEW_SESSION"),
)


def add_client_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add where to connect, as whom, and for how long."""
    group = parser.add_argument_group("client")
    group.add_argument("--region", metavar="NAME", help="the region; AWS's sources if absent")
    group.add_argument("--profile", metavar="NAME", help="the profile of the shared config")
    group.add_argument("--endpoint-url", metavar="URL", help="instead of the region's own")
    group.add_argument(
        "--no-verify-ssl", action="store_true", help="accept any certificate (for tests)"
    )
    group.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="for connecting and for each read"
    )


def add_call_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add the endpoint's name, the body and the members."""
    parser.add_argument("name", metavar="NAME", help="the endpoint's name")
    parser.add_argument(
        "--body",
        default="-",
        metavar="@FILE|-|TEXT",
        help="a file's content, standard input (the default), or the text itself",
    )
    group = parser.add_argument_group("members of the call")
    for option, member, words in MEMBERS:
        group.add_argument(option, dest=member, metavar="TEXT", help=words)


def client(given: "argparse.Namespace", connections: int = 10) -> "SageMakerRuntime":
    """Make a client from the options."""
    import sagewire

    settings: dict[str, Any] = {"max_pool_connections": connections}
    if given.timeout is not None:
        checked_seconds("--timeout", given.timeout)
        settings.update(connect_timeout=given.timeout, read_timeout=given.timeout)
    return sagewire.client(
        "sagemaker-runtime",
        region_name=given.region,
        endpoint_url=given.endpoint_url,
        verify=False if given.no_verify_ssl else None,
        profile_name=given.profile,
        config=sagewire.Config(**settings),
    )


def checked_seconds(option: str, seconds: float, *, least: float = 1e-9) -> None:
    """Raise `ValueError` unless it is a number of seconds, at least so many."""
    if not least <= seconds < float("inf"):
        zero = "from 0 on" if least == 0 else "above 0"
        raise ValueError(f"{option} {seconds:g}: allowed are seconds {zero}")


def call_arguments(given: "argparse.Namespace") -> "dict[str, Any]":
    """Return the keyword arguments of the call."""
    arguments = {"EndpointName": given.name, "Body": body(given.body)}
    for _, member, _ in MEMBERS:
        value = getattr(given, member)
        if value is not None:
            arguments[member] = value
    return arguments


def body(text: str) -> bytes:
    """Return what `@FILE`, `-` or a text stand for; `ValueError` for what cannot be read."""
    if text == "-":
        if sys.stdin is None:
            raise ValueError("--body -: standard input is closed")
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        try:
            with open(text[1:], "rb") as file:  # noqa: PTH123 - pathlib is a slow import
                return file.read()
        except OSError as error:
            raise ValueError(f"--body {text}: {error.strerror}") from None
    # The bytes of the command line, whatever text Python has made of them.
    return os.fsencode(text)


def say(words: object) -> None:
    """Say something to whoever watches, and nothing to whoever reads the results."""
    print(words, file=sys.stderr)  # noqa: T201 - a command talks
