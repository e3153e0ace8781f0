"""Failures and delays that a test lets a local endpoint's next calls suffer."""

from sagewire.exceptions import InvalidArgumentError
from sagewire.local import arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from sagewire._pure.server import FrontDoor
    from sagewire.local.variant import Wired

    # Delay in seconds, status or 0, error code, message, whether to drop the connection.
    Fault: TypeAlias = tuple[float, int, str, str, bool]

# The errors of the API model and of the services before it, with their statuses.
STATUSES = {
    "AccessDeniedException": 403,
    "InternalDependencyException": 530,
    "InternalFailure": 500,
    "ModelError": 424,
    "ModelNotReadyException": 429,
    "ServiceUnavailable": 503,
    "ThrottlingException": 400,
    "ValidationError": 400,
}


class Scripted:
    """What a local endpoint's next calls suffer: each method adds to the endpoint's script.

    A call uses up the next entry after its signature and members were found good, before the model
    is asked; calls beyond the script go their way. `endpoint` may be left out where there is only
    one. `times` is for how many calls. `delay` is how many seconds a call waits first.

    The methods raise `InvalidArgumentError` for a value that cannot be, `TypeError` for one of
    another type, `RuntimeError` before the start.
    """

    _server: "FrontDoor | None"
    _endpoints: "dict[str, list[Wired]]"

    def fail_with(
        self,
        code: str,
        message: "str | None" = None,
        *,
        status: "int | None" = None,
        endpoint: "str | None" = None,
        delay: float = 0.0,
        times: int = 1,
    ) -> None:
        """Let calls get an error of the service.

        `code` is its name: one of the API model's (`ServiceUnavailable`, `ModelError`,
        `ModelNotReadyException`, ...), whose `status` is known, or any other with its `status`,
        400 to 599. A `ModelError` has 500 as its `OriginalStatusCode` and the message as its
        `OriginalMessage`.
        """
        if not isinstance(code, str):
            raise TypeError(f"code must be str, not {type(code).__name__}")
        if not code.isascii() or not code.replace(".", "").isalnum() or len(code) > 128:
            raise InvalidArgumentError(
                argument="code",
                problem=f"{code!r} is no error's name",
                allowed="letters, digits and dots, for example " + ", ".join(STATUSES),
            )
        if message is None:
            message = f"{code}, as the test has asked for."
        elif not isinstance(message, str):
            raise TypeError(f"message must be str, not {type(message).__name__}")
        if status is None:
            status = STATUSES.get(code)
        if status is None:
            raise InvalidArgumentError(
                argument="status",
                problem=f"not given, and not known for {code!r}",
                allowed="400 to 599, or one of the errors " + ", ".join(STATUSES),
            )
        status = arguments.integer("status", status, 400, 599)
        self._add(endpoint, (_pause("delay", delay), status, code, message, False), times)

    def delay(self, seconds: float, *, endpoint: "str | None" = None, times: int = 1) -> None:
        """Let calls wait for so many seconds before the model is asked."""
        self._add(endpoint, (_pause("seconds", seconds), 0, "", "", False), times)

    def drop_connection(
        self, *, endpoint: "str | None" = None, delay: float = 0.0, times: int = 1
    ) -> None:
        """Let the connections of calls end without an answer."""
        self._add(endpoint, (_pause("delay", delay), 0, "", "", True), times)

    def let_pass(self, *, endpoint: "str | None" = None, times: int = 1) -> None:
        """Let calls go their way, before those that the rest of the script is for."""
        self._add(endpoint, (0.0, 0, "", "", False), times)

    def _add(self, endpoint: "str | None", fault: "Fault", times: int) -> None:
        names = list(self._endpoints)
        if endpoint is None and len(names) == 1:
            endpoint = names[0]
        if endpoint not in names:
            problem = (
                "which one is not said" if endpoint is None else f"{endpoint!r} is none of them"
            )
            raise InvalidArgumentError(
                argument="endpoint", problem=problem, allowed=", ".join(names) or "nothing"
            )
        times = arguments.integer("times", times, 1, 1_000_000)
        if self._server is None:
            raise RuntimeError(arguments.NOT_STARTED)
        self._server.script(endpoint, [fault] * times)


def _pause(argument: str, value: float) -> float:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    return arguments.seconds(argument, value)
