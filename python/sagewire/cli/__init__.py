"""The command line: `sagewire invoke`, `sign`, `serve` and `bench`.

Results go to standard output and nothing else does. Exit codes: 0 for success, 1 when the service,
the connection or the output said no, 2 for a command line or a configuration that cannot be, 130
when interrupted.
"""

import argparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
COMMANDS = ("invoke", "sign", "serve", "bench")


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="sagewire", description="Amazon SageMaker Runtime from the command line."
    )
    import sagewire

    parser.add_argument(
        "--version",
        action="version",
        version=f"sagewire {sagewire.__version__} ({sagewire.implementation})",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    import importlib

    for name in COMMANDS:
        module = importlib.import_module(f"sagewire.cli.{name}")
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    given = parser.parse_args(arguments)
    if sys.stdout is None:
        print("standard output is closed", file=sys.stderr)  # noqa: T201 - a command talks
        return FAILED
    try:
        code: int = given.run(given)
        # What is left in the buffer belongs to the try: whoever reads may be gone.
        sys.stdout.flush()
    except BrokenPipeError:
        # As `head` leaves a pipe: nothing more to say, and nothing to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        # The commands tell of their own errors: this one is of their results, on a full disk.
        print(f"standard output: {error}", file=sys.stderr)  # noqa: T201 - a command talks
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
