"""The short way of a call: one crossing into the transport, for what is plain and goes well.

A shortcut is made of all that a client's calls of an operation have in common, at the first call
that comes by, and kept in the client's book until any of it changes (`Books.forget`).
"""

import time

from sagewire.client.ambient import new_id
from sagewire.client.answers import BODIES, layout
from sagewire.client.attempts import HASHED_BY_THE_SIGNER_BYTES
from sagewire.client.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire._impl import transport
    from sagewire.client.answers import Bodies
    from sagewire.client.opening import Core
    from sagewire.client.views import Options
    from sagewire.model.shapes import Operation


def renewed(
    core: "Core",
    sender: "Any",
    operation: "Operation",
    options: "Options",
    bodies: "Bodies" = BODIES,
) -> "transport.Shortcut | None":
    """Return a new shortcut, now in the book; `None` if there is a good one, or can be none now.

    `bodies` says what becomes of an answer's body, if not what the blocking client's become.
    """
    outgoing = sender.outgoing
    policy = outgoing.policy
    # Their calls are not all the same: some wait, some give back what others took, some are traced.
    if policy.limiter is not None or policy.spent or outgoing.in_lambda:
        return None
    # Asked in this order: a book that is thrown out after that has changed, too.
    changes, book = core.books.changes, core.books.of(options)
    known = book.get(operation)
    if known is not None and not known.is_over():
        return None
    ambient = outgoing.ambient
    until = outgoing.settled_until()
    if ambient.clock() > until:
        return None
    attempts = options.max_attempts or policy.max_attempts
    ending: dict[str, Any] = {"RetryAttempts": 0}
    if policy.marks_success and attempts == 1:
        ending = {"MaxAttemptsReached": True, **ending}
    from sagewire._impl import transport

    made = transport.Shortcut(
        outgoing.template(options),
        sender.pool if bodies is BODIES else None,
        outgoing.signer(),
        until,
        f"attempt=1; max={attempts}" if policy.states_max_at_once else "attempt=1",
        min(HASHED_BY_THE_SIGNER_BYTES, operation.body_limit),
        core.targets[operation].kept,
        operation.text_headers,
        operation.nonempty,
        None if ambient.clock is time.time else ambient.clock,
        None if ambient.new_id is new_id else ambient.new_id,
        lambda status, headers: layout(operation, ending, status, headers),
        Result,
        bodies[operation.body_type],
    )
    book[operation] = made
    if core.books.changes != changes:
        # Something that it was made of has been replaced by another thread meanwhile.
        book.pop(operation, None)
    return made
