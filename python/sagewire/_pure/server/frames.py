"""A model's answer as an event stream: a `PayloadPart` for each piece, as it comes.

What goes wrong after the stream has begun is said in the stream, as the API model's
`ModelStreamError` or `InternalStreamFailure`; the body itself then ends as it should.
Twin: rust/net/src/server/frames.rs.
"""

import time

from sagewire._pure.eventstream.encode import MAX_PAYLOAD_BYTES, encode_exception, encode_part
from sagewire._pure.server import errors
from sagewire._pure.server.call import BrokenOffError, PartTimedOutError
from sagewire._pure.server.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewire._pure.server.call import Answer

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# Why a stream ended early, in the API model's words.
TIME_EXCEEDED = "ModelInvocationTimeExceeded"
STREAM_BROKEN = "StreamBroken"
LOST_WORDS = "The stream ended for a reason that is not the model's."


def frames(answer: "Answer", timeout: float) -> "Iterator[bytes]":
    """Return the frames of an answer that has `timeout` seconds to end."""
    if answer.parts is None:
        if answer.body:
            yield from _payload_parts(answer.body)
        return
    deadline = time.monotonic() + timeout
    try:
        while (piece := answer.parts.next(deadline - time.monotonic())) is not None:
            # An empty part could be taken for an end.
            if piece:
                yield from _payload_parts(piece)
    except BrokenOffError as error:
        yield _exception(STREAM_BROKEN, error.message)
    except PartTimedOutError:
        yield _exception(TIME_EXCEEDED, errors.TIME_OUT_WORDS)
    except GoneError:
        raise  # there is nobody to tell
    except Exception:
        import logging

        logging.getLogger("sagewire.local").exception("a response stream ended")
        yield encode_exception("InternalStreamFailure", errors.json_text({"Message": LOST_WORDS}))


def _payload_parts(piece: bytes) -> "Iterator[bytes]":
    for start in range(0, len(piece), MAX_PAYLOAD_BYTES):
        yield encode_part(piece[start : start + MAX_PAYLOAD_BYTES])


def _exception(code: str, words: str) -> bytes:
    json = errors.json_text({"ErrorCode": code, "Message": words})
    return encode_exception("ModelStreamError", json)
