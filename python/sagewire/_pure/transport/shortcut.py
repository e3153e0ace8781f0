"""A whole call, if it is plainly right and goes well. Twin: rust/py/src/transport/shortcut.rs.

Whatever is unusual about a call is left to those above, who know boto3's words: arguments that are
not plainly right before anything is sent, an attempt that did not succeed with how it ended.
"""

import math
import os
import time

from sagewire._pure.transport.deadline import Deadline
from sagewire._pure.transport.identity import identities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from sagewire._pure.sigv4 import Signer
    from sagewire._pure.transport.pool import Pool
    from sagewire._pure.transport.template import Template

    Pairs = list[tuple[str, str]]
    Description = tuple[dict[str, Any], Pairs, dict[str, Any], Pairs]
    Ended = tuple[str, float, "Any", "BaseException | None"]

# As many layouts of answers are kept; an endpoint has one or two.
_LAYOUTS_KEPT = 4


class _UnsentError(Exception):
    """The head cannot be written."""


class Shortcut:
    """The calls of one operation, as far as they are all the same.

    `template`, `pool` and `signer` are those of the client, without a pool where an event loop's
    makes the calls; the signer's credentials are good until
    `until`, in seconds since 1970. `progress` is the value of `amz-sdk-request`, `largest` the most
    bytes of a body, `targets` are targets and URLs by endpoints' names, `headers` the headers of
    the parameters, of which `nonempty` may not be empty. `now` and `new_id` replace the system's
    clock and chance.

    `describe` is given a success's status and headers and returns its `ResponseMetadata`, the keys
    there whose values are headers', the items of its result, and the same of them. `result` makes
    a result of such items; `make_body` makes its `Body` of the response and its `content-length`.
    """

    __slots__ = ("_describe", "_headers", "_largest", "_layouts", "_make_body", "_new_id",
                 "_nonempty", "_now", "_pool", "_progress", "_result", "_signer", "_targets",
                 "_template", "_until")  # fmt: skip

    def __init__(
        self,
        template: "Template",
        pool: "Pool | None",
        signer: "Signer | None",
        until: float,
        progress: str,
        largest: int,
        targets: "dict[str, tuple[str, str]]",
        headers: "dict[str, str]",
        nonempty: "frozenset[str]",
        now: "Callable[[], float] | None",
        new_id: "Callable[[], str] | None",
        describe: "Callable[[int, dict[str, str]], Description]",
        result: "Callable[[dict[str, Any]], Any]",
        make_body: "Callable[[Any, str | None], Any]",
    ) -> None:
        self._template = template
        self._pool = pool
        self._signer = signer
        self._until = until
        self._progress = progress
        self._largest = largest
        self._targets = targets
        self._headers = headers
        self._nonempty = nonempty
        self._now = now or time.time
        self._new_id = new_id or _random_id
        self._describe = describe
        self._result = result
        self._make_body = make_body
        self._layouts: dict[tuple[Any, ...], Description] = {}

    def is_over(self) -> bool:
        """Whether the credentials have come to their end."""
        return self._now() > self._until

    def invoke(self, parameters: "dict[str, Any]", timeout: "float | None") -> "Any | Ended | None":
        """Make a call within `timeout` seconds, and return its result.

        Returns `None` for a call that is not plain, of which nothing has been sent; and a tuple if
        its first attempt did not succeed: its id, its seconds, its answer or else its error.
        """
        began = time.monotonic()
        pool = self._pool
        ordered = self._ordered(parameters)
        if pool is None or ordered is None:
            return None
        url, body, identity, head = ordered
        end = Deadline(timeout, url, timeout)

        def make_head() -> "tuple[bytes, bool]":
            return head(), False

        try:
            connection = pool._take_idle(url)  # noqa: SLF001 - one thing
            if connection is None:
                make_head()  # what cannot be sent is left before anybody is connected to
                connection = pool._take_fresh(url, end)  # noqa: SLF001 - one thing
            response = connection._exchange(make_head, body, end)  # noqa: SLF001 - one thing
        except _UnsentError:
            return None
        except BaseException as error:  # noqa: BLE001 - judged by those above
            return identity, time.monotonic() - began, None, error
        return self._ended(identity, began, response)

    def _begin(
        self,
        take: "Callable[[str], Any]",
        parameters: "dict[str, Any]",
        timeout: "float | None",
        waited: float,
    ) -> "Coroutine[Any, Any, Any | Ended] | None":
        """As `invoke`, awaited, over what `take` gives for a URL; `None` if it gives none, too."""
        began = time.monotonic() - waited
        ordered = self._ordered(parameters)
        if ordered is None:
            return None
        url, body, identity, head = ordered
        connection = take(url)
        if connection is None:
            return None
        try:
            data = head()
        except _UnsentError:
            connection.give_back()
            return None
        deadline = None if timeout is None else (timeout - waited, timeout)
        return self._awaited(connection.attempt(data, body, deadline), identity, began)

    async def _awaited(
        self, answered: "Coroutine[Any, Any, Any]", identity: str, began: float
    ) -> "Any | Ended":
        try:
            response = await answered
        except Exception as error:  # noqa: BLE001 - judged by those above
            return identity, time.monotonic() - began, None, error
        return self._ended(identity, began, response)

    def _ordered(
        self, parameters: "dict[str, Any]"
    ) -> "tuple[str, bytes, str, Callable[[], bytes]] | None":
        """Return the URL, the body, the id and what makes the head of a call that is plain."""
        plain = self._plain(parameters)
        if plain is None or self.is_over():
            return None
        (target, url), members, body = plain
        identity = self._new_id()

        def head() -> bytes:
            at = math.floor(self._now())
            try:
                return self._template.head(
                    self._signer, at, url, target, members, body, len(body), None, identity,
                    self._progress,
                )  # fmt: skip
            except Exception as error:
                raise _UnsentError from error

        return url, body, identity, head

    def _ended(self, identity: str, began: float, response: "Any") -> "Any | Ended":
        """Return the result of a success, or else how the attempt ended."""
        if response.status >= 300:
            return identity, time.monotonic() - began, response, None
        headers = response.headers
        metadata, in_metadata, items, in_result = self._layout(response.status, headers)
        metadata = metadata.copy()
        for key, header in in_metadata:
            metadata[key] = headers[header]
        metadata["HTTPHeaders"] = headers
        made = self._result(items)
        for key, header in in_result:
            made[key] = headers[header]
        made["ResponseMetadata"] = metadata
        made["Body"] = self._make_body(response, headers.get("content-length"))
        # The caller may change the dicts; what is told of the attempts stays.
        made._request_id = metadata.get("RequestId")  # noqa: SLF001 - what it is for
        made._response = response  # noqa: SLF001 - as above
        return made

    def _plain(
        self, parameters: "dict[str, Any]"
    ) -> "tuple[tuple[str, str], list[tuple[str, str]], bytes] | None":
        """Return target and URL, headers and body, if nothing about them needs a second look."""
        headers = self._headers
        place = body = None
        members = []
        for key, value in parameters.items():
            header = headers.get(key)
            if type(key) is not str:
                return None
            if header is not None:
                if type(value) is not str or not (value or key not in self._nonempty):
                    return None
                members.append((header, value))
            elif key == "Body":
                body = _bytes(value, self._largest)
            elif key == "EndpointName" and type(value) is str:
                place = self._targets.get(value)
            else:
                return None
        if place is None or body is None or len(body) > self._largest:
            return None
        return place, members, body

    def _layout(self, status: int, headers: "dict[str, str]") -> "Description":
        """Return what an answer with these headers is: known, or described now."""
        names = (status, *headers)
        known = self._layouts.get(names)
        if known is None:
            known = self._describe(status, headers)
            layouts = dict(self._layouts)
            if len(layouts) == _LAYOUTS_KEPT:
                layouts.pop(next(iter(layouts)))
            self._layouts = {**layouts, names: known}
        return known


def _random_id() -> str:
    return identities(os.urandom(16))[0]


def _bytes(body: "Any", largest: int) -> "bytes | None":
    """Return a body of up to `largest` bytes; a larger one is not even copied or encoded."""
    if type(body) is bytes:
        return body
    if type(body) in (bytearray, str) and len(body) > largest:
        return None
    if type(body) is bytearray:
        return bytes(body)
    if type(body) is str:
        try:
            return body.encode()
        except UnicodeEncodeError:
            pass  # said in its words by those above
    return None
