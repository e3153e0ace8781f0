"""The blocking driver: turns a call's attempts on the calling thread.

What is to be done stands in `client/attempts.py`; here is what takes time.
"""

from sagewire.client.answers import answer_of, error_body, result, whole_body
from sagewire.client.attempts import HASHED_BY_THE_SIGNER_BYTES, Call
from sagewire.client.connecting import pool_arguments
from sagewire.client.outgoing import faulty_header
from sagewire.exceptions import (
    ConnectionError,  # noqa: A004 - boto3's name
    HTTPClientError,
    InvalidArgumentError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire._impl import transport
    from sagewire.client.call import Request
    from sagewire.client.hooked import Hooked
    from sagewire.client.messages import AWSPreparedRequest
    from sagewire.client.opening import Core
    from sagewire.client.outgoing import Outgoing
    from sagewire.client.results import Result
    from sagewire.client.settings import Settings
    from sagewire.client.views import Options
    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation


class Sender:
    """Sends the calls of a client over a pool of blocking connections."""

    __slots__ = ("outgoing", "pool")

    def __init__(self, outgoing: "Outgoing", pool: "transport.Pool") -> None:
        self.outgoing = outgoing
        self.pool = pool

    def send(
        self,
        operation: "Operation",
        request: "Request",
        options: "Options",
        first: "tuple[Any, ...] | None" = None,
    ) -> "Result":
        """Return the result of the attempt that succeeded.

        `first` is how a first attempt on the short way ended (`client/shortcuts.py`).

        Raises the error of the last attempt: `ClientError` or below for an answer, a connection's
        error for none, `DeadlineExceededError` where the deadline leaves no time for another.
        """
        outgoing = self.outgoing
        ambient = outgoing.ambient
        limited = outgoing.policy.limiter is not None
        call = Call(outgoing, operation, request, options)
        if first is not None:
            call.take_over(*first[:2])
        while True:
            while limited and (pause := call.begin()):
                ambient.hold(pause)
            data = b""
            try:
                ended, first = first, None
                response = self._exchange(call) if ended is None else answer_of(ended)
                status = response.status
                if not operation.streams and status < 300:
                    data = whole_body(response, request.url)
            except (ConnectionError, HTTPClientError) as error:
                pause = call.failed(error)
            except Exception as error:
                call.abandon(error)
                raise
            else:
                if status < 300:
                    described, attempts = call.succeeded(status, response.headers)
                    return result(operation, response, described, attempts, data)
                pause = call.refused(status, response.headers, error_body(response))
            ambient.sleep(pause)
            call.again()

    def _exchange(self, call: Call) -> "Any":
        # Every call comes through here, and a function called is dear where the caches are cold:
        # what is asked of `outgoing` and `call` is looked at first, and asked where it matters.
        outgoing = self.outgoing
        ambient = outgoing.ambient
        request = call.request
        options = call.options
        # Looked up, and a file hashed, before a connection is held; signed when it is.
        signer = outgoing.fixed_signer or outgoing.signer()
        hashed = body = request.body
        if type(body) is not bytes or len(body) > HASHED_BY_THE_SIGNER_BYTES:
            hashed, body = call.hashed(), call.pieces()
        template = outgoing.templates.get(options.extra_headers) or outgoing.template(options)
        try:
            return template.attempt(
                self.pool,
                signer,
                ambient.clock if ambient.offset else ambient.now,
                request.url,
                request.target,
                request.members,
                hashed,
                body,
                request.length,
                outgoing.trace_id() if outgoing.in_lambda else None,
                call.identity,
                call.progress,
                None if options.timeout is None else call.left(),
            )
        except (UnicodeEncodeError, InvalidArgumentError):
            raise faulty_header(request) from None


def send_hooked(hooked: "Hooked", core: "Core") -> "Result":
    """Send a call on its long way; raises as `Sender.send`, and what a handler raises."""
    ambient = core.ambient
    answer = hooked.begin()
    try:
        while answer is None:
            while pause := hooked.call.begin():
                ambient.hold(pause)
            request = hooked.request()
            try:
                response, data = _answered(hooked, core, request)
            except Exception as error:  # noqa: BLE001 - a handler's too is boto3's to judge
                pause = hooked.failed(error)
            else:
                answer, pause = hooked.received(response, data)
            if answer is None:
                ambient.sleep(pause)
                hooked.call.again()
    except Exception as error:
        hooked.ended(error)
        raise
    except BaseException:
        hooked.drop()  # nobody will read it, and who keeps the traceback keeps it
        raise
    return hooked.result(*answer)


def _answered(hooked: "Hooked", core: "Core", request: "AWSPreparedRequest") -> "tuple[Any, bytes]":
    """Return an attempt's response, and its body if the call itself reads it."""
    call = hooked.call
    response: Any = hooked.before_send(request)
    if response is None:
        sending = hooked.sending(request)
        sender, proxy = core.way_to(sending.origin, call.read_timeout)
        sending.through(proxy)
        connection = sender.pool.take(sending.url, _seconds_left(call))
        try:
            response = connection.exchange(
                sending.method, sending.target, sending.headers, sending.body, _seconds_left(call)
            )
        except BaseException:
            connection.close()
            raise
    if response.status >= 300:
        return response, error_body(response)
    return response, b"" if call.operation.streams else whole_body(response, request.url)


def _seconds_left(call: Call) -> "float | None":
    left = call.left()
    return None if left is None else left[0]


def make_sender(outgoing: "Outgoing", origin: "Origin", settings: "Settings") -> Sender:
    """Return a sender over a new pool."""
    from sagewire._impl import transport

    pool = transport.Pool(**pool_arguments(origin, settings))
    return Sender(outgoing, pool)
