"""Asynchronous invocations: accepted now, done by workers, their results written as objects.

The members and their limits are the API model's; what they mean is said in
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html.
Twin: rust/net/src/server/queue.rs, which can also keep what waits in a database.
"""

import collections
import errno
import functools
import re
import threading
import time
import uuid

from sagewire._pure.server import errors, locations, members
from sagewire._pure.server.call import BrokenOffError, PartTimedOutError
from sagewire._pure.server.errors import ServiceError
from sagewire._pure.server.exchange import INVOKE_ASYNC, check_good
from sagewire._pure.server.model import Question
from sagewire._pure.server.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._pure.server.call import Parts
    from sagewire._pure.server.exchange import Shared
    from sagewire._pure.server.fleet import Endpoint
    from sagewire._pure.server.locations import Location
    from sagewire._pure.server.members import Members

# The longest body that may come with a request.
MAX_INLINE_BYTES = 128_000
# The longest input, and the longest result: the service's 1 GB.
MAX_OBJECT_BYTES = 2**30
# How long a request waits for somebody to ask, and a result for a disk, before it is tried again.
PAUSE_SECONDS = 0.25
WRITE_PAUSE_SECONDS = 1.0

LOCATION_ALLOWED = "Member must name an object of a bucket: s3://..."
INTEGER = re.compile("[+-]?[0-9]+")
FILENAME = r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*"
EXTENSION = "(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+"
# No file can have that name: a part is too long, or a folder where a file should be, or reversed.
NEVER = frozenset((errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR))
# What may pass: the request waits for it.
PASSING = frozenset(("ModelNotReadyException", "ServiceUnavailable"))


class _Request:
    """A request in the queue."""

    __slots__ = ("body", "endpoint", "expires_at", "failure", "given", "input", "output", "timeout")

    def __init__(
        self,
        endpoint: "Endpoint",
        given: "Members",
        body: bytes,
        output: "Location",
        failure: "Location",
    ) -> None:
        if len(body) > MAX_INLINE_BYTES:
            raise errors.body_too_large(MAX_INLINE_BYTES)
        stated = given.get(members.INPUT_LOCATION)
        if (stated is not None) != (not body):
            raise errors.one_input()
        self.input = None if stated is None else locations.parse(stated)
        if stated is not None and self.input is None:
            raise errors.invalid_member("inputLocation", LOCATION_ALLOWED)
        self.endpoint = endpoint
        self.given = given
        self.body = body
        self.timeout = _integer(
            given, members.TIMEOUT_SECONDS, "invocationTimeoutSeconds", 1, 3600, 900
        )
        lives = _integer(given, members.TTL_SECONDS, "requestTTLSeconds", 60, 21_600, 21_600)
        self.expires_at = time.monotonic() + lives
        filename = _text(given, members.FILENAME, "filename", 32, FILENAME)
        extension = _text(given, members.OUTPUT_EXTENSION, "s3OutputPathExtension", 512, EXTENSION)
        name = str(uuid.uuid4())
        named = "s3OutputPathExtension" if filename is None else "filename"
        self.output = _place(output.join(extension or "", filename or f"{name}.out"), named)
        self.failure = _place(failure.join(f"{name}-error.out"), named)


class Queue:
    """The queue of a server."""

    def __init__(
        self,
        shared: "Shared",
        database: "str | None",
        folder: str,
        output: str,
        failure: str,
        workers: int,
    ) -> None:
        if database is not None:
            raise ValueError("a queue in a database needs the native implementation")
        self._shared = shared
        self._folder = folder
        self._output = _prefix(output)
        self._failure = _prefix(failure)
        self._workers = workers
        self._waiting: collections.deque[_Request] = collections.deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._held: dict[_Request, Parts] = {}
        self._closed = threading.Event()

    def accept(self, endpoint: "Endpoint", given: "Members", body: bytes) -> "tuple[str, str]":
        """Take a request; return where its result or its failure will be."""
        request = _Request(endpoint, given, body, self._output, self._failure)
        with self._changed:
            self._waiting.append(request)
            if len(self._waiting) > self._idle and self._threads < self._workers:
                self._threads += 1
                threading.Thread(target=self._work, name="sagewire-queue", daemon=True).start()
            self._changed.notify()
        return str(request.output), str(request.failure)

    def close(self) -> None:
        """Drop what waits, and stop waiting for what is being done."""
        with self._changed:
            self._closed.set()
            self._waiting.clear()
            held = list(self._held.values())
            self._changed.notify_all()
        for parts in held:
            parts.close()

    def _work(self) -> None:
        """Do requests, one after the other, until the queue is closed."""
        while (request := self._take()) is not None:
            try:
                place, content = request.output, self._result(request)
            except ServiceError as error:
                if error.code in PASSING:
                    self._later(request)
                    continue
                place, content = request.failure, error.body()
            except GoneError:
                return
            finally:
                with self._changed:
                    parts = self._held.pop(request, None)
                if parts is not None:
                    parts.close()
            self._write(request, place, content)

    def _take(self) -> "_Request | None":
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
            self._idle -= 1
            return None if self._closed.is_set() else self._waiting.popleft()

    def _later(self, request: _Request) -> None:
        """Put a request to the end, so that one endpoint does not hold up the others."""
        with self._changed:
            self._waiting.append(request)
        self._closed.wait(PAUSE_SECONDS)

    def _write(self, request: _Request, place: "Location", content: bytes) -> None:
        while not self._closed.is_set():
            try:
                locations.write(place.file(self._folder), content)
            except OSError as error:
                self._log(place, error)
                if error.errno not in NEVER:
                    # Nothing that was accepted is lost because a disk is full.
                    self._closed.wait(WRITE_PAUSE_SECONDS)
                elif place is request.failure:
                    return
                else:
                    content = errors.not_writable(str(place)).body()
                    place = request.failure
            else:
                return

    def _result(self, request: _Request) -> bytes:
        """Return the model's result, or raise the error that the failure's object is made of."""
        if time.monotonic() >= request.expires_at:
            raise errors.request_expired()
        body = request.body
        if request.input is not None:
            try:
                body = locations.read(request.input.file(self._folder), MAX_OBJECT_BYTES)
            except OSError:
                raise errors.input_not_found(str(request.input)) from None
        name, region = request.endpoint.name, self._shared.region
        question = Question(
            self._shared,
            INVOKE_ASYNC,
            request.endpoint,
            request.given,
            body,
            timeout=request.timeout,
            limit=MAX_OBJECT_BYTES,
            hold=functools.partial(self._hold, request),
            wanted=lambda: not self._closed.is_set(),
        )
        deadline = time.monotonic() + request.timeout
        answer, _ = question.ask()
        check_good(answer, name, region, None)
        if answer.parts is None:
            return answer.body
        pieces = []
        try:
            while (piece := answer.parts.next(deadline - time.monotonic())) is not None:
                pieces.append(piece)
        except PartTimedOutError:
            raise errors.model_timed_out(name, region) from None
        except BrokenOffError as error:
            raise errors.model_error(name, region, 500, error.message) from None
        return b"".join(pieces)

    def _hold(self, request: _Request, parts: "Parts") -> None:
        with self._changed:
            self._held[request] = parts
            if not self._closed.is_set():
                return
        parts.close()

    @staticmethod
    def _log(place: "Location", error: OSError) -> None:
        import logging

        logging.getLogger("sagewire.local").error("%s cannot be written: %s", place, error)


def _prefix(text: str) -> "Location":
    location = locations.parse_prefix(text)
    if location is None:
        raise ValueError(f"{text!r} is no place in S3")
    return location


def _place(location: "Location | None", member: str) -> "Location":
    if location is None:
        raise errors.invalid_member(member, LOCATION_ALLOWED)
    return location


def _text(given: "Members", header: str, name: str, longest: int, pattern: str) -> "str | None":
    """Return a member of the API model's length and form."""
    text = given.get(header)
    if text is not None and len(text) > longest:
        rule = f"Member must have length less than or equal to {longest}"
        raise errors.invalid_member(name, rule)
    if text is not None and not re.fullmatch(pattern, text):
        raise errors.invalid_member(name, f"{members.PATTERN}^{pattern}$")
    return text


def _integer(given: "Members", header: str, name: str, least: int, most: int, usual: int) -> int:
    """Return an integer member within the API model's limits."""
    text = given.get(header)
    if text is None:
        return usual
    if not INTEGER.fullmatch(text) or len(text) > 19:
        raise errors.invalid_member(name, "Member must be an integer")
    if int(text) < least:
        rule = f"Member must have value greater than or equal to {least}"
        raise errors.invalid_member(name, rule)
    if int(text) > most:
        rule = f"Member must have value less than or equal to {most}"
        raise errors.invalid_member(name, rule)
    return int(text)
