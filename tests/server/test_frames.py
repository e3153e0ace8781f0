"""Response streams that end for a reason which is not the model's: the pure twin's frames.

The native ones are tested in rust/net/src/server/frames.rs: from outside neither can be made to
fail like that.
"""

import json

from sagewire._pure.eventstream.decode import Decoder
from sagewire._pure.server.call import Answer
from sagewire._pure.server.frames import frames


class Lost:
    """An answer whose second part cannot be had."""

    def __init__(self):
        self.given = 0

    def next(self, seconds):
        self.given += 1
        if self.given == 2:
            raise RuntimeError("S3CRET: what went wrong is nothing for a caller")
        return b"one"

    def close(self):
        pass


def test_a_stream_that_is_lost_says_so(caplog):
    made = b"".join(frames(Answer(200, [], parts=Lost()), 10.0))
    part, failure = Decoder().feed(made)
    assert part == b"one"
    assert failure.headers[":exception-type"] == "InternalStreamFailure"
    words = json.loads(failure.payload)["Message"]
    assert words == "The stream ended for a reason that is not the model's."
    assert b"S3CRET" not in made
    assert "a response stream ended" in caplog.text
