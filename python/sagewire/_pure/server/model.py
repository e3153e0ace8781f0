"""Asking the model: the variant, the container or handler, within the time.

Twin: rust/net/src/server/model.rs.
"""

import time

from sagewire._pure.server import errors, members
from sagewire._pure.server.call import Call
from sagewire._pure.server.container import (
    AnswerCutError,
    ContainerRefusedError,
    ContainerTimedOutError,
    ContainerUnreachableError,
)
from sagewire._pure.server.sessions import NEW_SESSION, Place
from sagewire._pure.server.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewire._pure.server.call import Answer, Parts
    from sagewire._pure.server.container import Container
    from sagewire._pure.server.exchange import Shared
    from sagewire._pure.server.fleet import Endpoint, Variant
    from sagewire._pure.server.members import Members

INVOKE_STREAM = "InvokeEndpointWithResponseStream"
NEW_SESSION_ID = "x-amzn-sagemaker-new-session-id"
CLOSED_SESSION_ID = "x-amzn-sagemaker-closed-session-id"


class Question:
    """A request to a model: who is asked, and what.

    `timeout` is how long the model may take until its answer begins, or ends where it comes whole.
    `limit` is how long a container's whole answer may be. `hold` is told what to close if the
    answer is not wanted any more, `wanted` tells whether it is.
    """

    def __init__(
        self,
        shared: "Shared",
        operation: str,
        endpoint: "Endpoint",
        given: "Members",
        body: bytes,
        *,
        timeout: float,
        limit: int,
        hold: "Callable[[Parts], None]",
        wanted: "Callable[[], bool]",
    ) -> None:
        self._shared = shared
        self._operation = operation
        self._endpoint = endpoint
        self._given = given
        self._body = body
        self._timeout = timeout
        self._limit = None if operation == INVOKE_STREAM else limit
        self._hold = hold
        self._wanted = wanted

    def ask(self) -> "tuple[Answer, str]":
        """Return the model's answer, whatever its status, and the variant that gave it."""
        place = self._session()
        variant = self._variant(place)
        container = ""
        if variant.containers is None:
            answer = self._ask_handler(variant)
        else:
            answer, container = self._ask_containers(variant, place)
            if answer.parts is not None:
                self._hold(answer.parts)
        self._note_sessions(answer, Place(variant.name, container))
        return answer, variant.name

    def _session(self) -> "Place | None":
        session_id = self._given.get(members.SESSION_ID)
        if session_id is None:
            return None
        if session_id == NEW_SESSION:
            if self._operation == INVOKE_STREAM:
                # Sessions are opened by InvokeEndpoint alone; here the member has another pattern.
                raise errors.invalid_member("sessionId", members.NAMES[1])
            return None
        name = self._endpoint.name
        place = self._shared.sessions.find(name, session_id, int(time.time()))
        if place is None:
            raise errors.session_not_found(name, session_id)
        return place

    def _variant(self, place: "Place | None") -> "Variant":
        endpoint = self._endpoint
        wanted = self._given.get(members.TARGET_VARIANT)
        if wanted is not None:
            variant = endpoint.named(wanted)
            if variant is None:
                raise errors.variant_not_found(endpoint.name, wanted)
            return variant
        living = None if place is None else endpoint.named(place.variant)
        variant = living or endpoint.by_weight()
        if variant is None:
            raise errors.service_unavailable()
        return variant

    def _ask_handler(self, variant: "Variant") -> "Answer":
        name = self._endpoint.name
        call = Call(name, variant.name, self._operation, self._given.for_model(), self._body)
        self._hold(call)
        self._shared.calls.put(call)
        answer = call.wait(self._timeout, self._wanted)
        if call.gone:
            raise GoneError
        if answer is None:
            call.close()
            raise errors.model_timed_out(name, self._shared.region)
        return answer

    def _ask_containers(self, variant: "Variant", place: "Place | None") -> "tuple[Answer, str]":
        name, region = self._endpoint.name, self._shared.region
        if self._given.get(members.COMPONENT) is not None:
            raise errors.member_not_supported(name, "InferenceComponentName")
        headers = self._given.for_model()
        session = None if place is None else place.container
        prefix = self._given.get(members.PREFIX_AWARE_ID)
        deadline = time.monotonic() + self._timeout
        tried: list[Container] = []
        while container := variant.choose(tried, session=session, prefix=prefix):
            left = deadline - time.monotonic()
            try:
                answer = container.invoke(headers, self._body, left, self._limit, self._wanted)
            except ContainerRefusedError:
                # Nothing was sent, so another one may be asked in its place.
                if self._shared.pings:
                    container.refused()
                tried.append(container)
            except ContainerUnreachableError:
                raise errors.model_unreachable(name, region) from None
            except ContainerTimedOutError:
                raise errors.model_timed_out(name, region) from None
            except AnswerCutError:
                raise errors.model_answer_cut(name, region) from None
            else:
                return answer, container.name
        if not self._shared.pings:
            raise errors.model_unreachable(name, region)
        raise errors.service_unavailable() if variant.has_been_well else errors.model_not_ready()

    def _note_sessions(self, answer: "Answer", place: Place) -> None:
        """Remember the session that the model has opened or closed with its answer."""
        for header, value in answer.headers:
            name = header.lower()
            if name == NEW_SESSION_ID:
                self._shared.sessions.opened(self._endpoint.name, value, place, int(time.time()))
            elif name == CLOSED_SESSION_ID:
                self._shared.sessions.closed(self._endpoint.name, value)
