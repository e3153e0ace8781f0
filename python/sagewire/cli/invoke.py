"""Invoke an endpoint and write its answer's body to standard output, byte by byte.

With --stream the response stream's parts are written as they arrive. With --show-metadata the
answer's other members go to standard error, one a line.

    sagewire invoke my-endpoint --body '{"x": 1}' --content-type application/json
    sagewire invoke my-endpoint --body @image.png --content-type image/png > answer.json
"""

import sys

from sagewire.cli import FAILED, WRONG_USE, endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping
    from typing import Any

SUMMARY = "invoke an endpoint"
PIECE_BYTES = 65_536


def add_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add the command's arguments."""
    endpoint.add_call_arguments(parser)
    parser.add_argument("--stream", action="store_true", help="ask for a response stream")
    parser.add_argument(
        "--show-metadata", action="store_true", help="say the answer's other members"
    )
    endpoint.add_client_arguments(parser)


def run(given: "argparse.Namespace") -> int:
    """Invoke; return the exit code."""
    from sagewire.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        arguments = endpoint.call_arguments(given)
        client = endpoint.client(given)
    except (BotoCoreError, OSError, TypeError, ValueError) as error:
        endpoint.say(error)
        return WRONG_USE
    try:
        with client:
            if given.stream:
                parts = client.invoke_endpoint_with_response_stream(**arguments)
                _show(given, parts)
                _write(parts["Body"].iter_bytes())
            else:
                whole = client.invoke_endpoint(**arguments)
                _show(given, whole)
                _write(whole["Body"].iter_chunks(PIECE_BYTES))
    except ClientError as error:
        endpoint.say(error)
        return FAILED
    except (ParamValidationError, TypeError, ValueError) as error:
        endpoint.say(error)
        return WRONG_USE
    except BotoCoreError as error:
        endpoint.say(error)
        return FAILED
    return 0


def _show(given: "argparse.Namespace", answer: "Mapping[str, Any]") -> None:
    if given.show_metadata:
        for name, value in answer.items():
            if name not in ("Body", "ResponseMetadata"):
                endpoint.say(f"{name}: {value}")
        endpoint.say(f"RequestId: {answer['ResponseMetadata'].get('RequestId', '')}")


def _write(pieces: "Iterable[bytes]") -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
