"""What all calls of a client share on their way out: signer, retry policy, fixed headers."""

import os

from sagewire.credentials.sources import Fixed
from sagewire.exceptions import HTTPClientError
from sagewire.model.runtime import SIGNING_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire._impl import sigv4, transport
    from sagewire.client.ambient import Ambient
    from sagewire.client.call import Request
    from sagewire.client.views import Options
    from sagewire.credentials.sources import Source
    from sagewire.endpoints import Origin
    from sagewire.model.shapes import Operation
    from sagewire.retries import Policy
    from sagewire.sigv4 import Credentials

# Percent-encoded in X-Amzn-Trace-Id are all characters but these.
_TRACE_ID_CHARACTERS = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=;:+&[]{}\"',"
)
# One for each set of extra headers.
_TEMPLATES_KEPT = 64
_NEVER = float("inf")


class Outgoing:
    """What all calls of a client share on their way out. It knows no socket.

    `signature` is `"v4"`, `"s3v4"`, or `None` for no signature. `source` gives the credentials.
    `proxy_authorization` is for a proxy that is given the requests themselves.
    """

    __slots__ = (
        "_host",
        "_proxy_authorization",
        "_region",
        "_signer",
        "_user_agent",
        "_warned_of_size",
        "ambient",
        "fixed_signer",
        "in_lambda",
        "policy",
        "read_timeout",
        "signature",
        "source",
        "templates",
        "warned",
    )

    def __init__(
        self,
        *,
        origin: "Origin",
        region: str,
        source: "Source",
        signature: "str | None",
        policy: "Policy",
        user_agent: str,
        read_timeout: "float | None",
        ambient: "Ambient",
        proxy_authorization: "str | None" = None,
    ) -> None:
        self.ambient = ambient
        self.signature = signature
        self.policy = policy
        self.read_timeout = read_timeout
        self.source = source
        self.warned = False
        self._warned_of_size = False
        self._region = region
        self._host = origin.host_header
        self._user_agent = user_agent
        self.templates: dict[tuple[tuple[str, str], ...], transport.Template] = {}
        self._proxy_authorization = proxy_authorization
        self.in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        # That of credentials which never change, once it is made.
        self.fixed_signer: sigv4.Signer | None = None
        self._signer: tuple[Credentials, sigv4.Signer] | None = None

    def signer(self) -> "sigv4.Signer | None":
        """Return the signer of this moment's credentials, `None` for calls without a signature.

        Asks the source, which may wait for whoever gives the credentials out.
        """
        if self.signature is None:
            return None
        credentials = self.source.current()
        kept = self._signer
        if kept is not None and kept[0] is credentials:
            return kept[1]
        from sagewire import _impl

        token = credentials.token or None
        if ends_early(credentials.access_key_id.encode("utf-8", "replace")):
            # Said here, because those below would show the signature.
            raise HTTPClientError(error="Invalid header value of Authorization")
        if token is not None and ends_early(token.encode("utf-8", "replace")):
            # Said here, because those below would show the value.
            raise HTTPClientError(error="Invalid header value of X-Amz-Security-Token")
        s3 = self.signature == "s3v4"
        signer = _impl.sigv4.Signer(
            credentials.access_key_id,
            credentials.secret_access_key,
            token,
            self._region,
            SIGNING_NAME,
            not s3,  # normalize_path
            not s3,  # double_encode
            s3,  # content_sha256_header
        )
        self._signer = (credentials, signer)
        if isinstance(self.source, Fixed):
            self.fixed_signer = signer
        return signer

    def settled_until(self) -> float:
        """Return until when `signer` will give the same, in seconds since 1970, and not wait."""
        return _NEVER if self.signature is None else self.source.settled_until()

    def template(self, options: "Options") -> "transport.Template":
        """Return what the heads of the requests of a view have in common."""
        extra = options.extra_headers
        known = self.templates.get(extra)
        if known is None:
            from sagewire import _impl

            known = _impl.transport.Template(
                self._host, self._user_agent, list(extra), self._proxy_authorization
            )
            if len(self.templates) >= _TEMPLATES_KEPT:
                self.templates.clear()
            self.templates[extra] = known
        return known

    def warn_of_size(self, operation: "Operation", length: int) -> None:
        """Say that a body is larger than the service takes, before it is sent. Once."""
        if self._warned_of_size:
            return
        self._warned_of_size = True
        import logging

        logging.getLogger("sagewire").warning(
            "The body of %s has %d bytes, and the service takes %d: it is sent all the same, and "
            "will be refused unless the limit has been raised. (Said once per client.)",
            operation.name,
            length,
            operation.body_limit,
        )

    def trace_id(self) -> "str | None":
        """Return the trace of the Lambda invocation that makes the call, as it is passed on."""
        if not self.in_lambda:
            return None
        trace_id = os.environ.get("_X_AMZN_TRACE_ID")
        if not trace_id:
            return None
        from sagewire.client.call import percent_encoded

        return percent_encoded(trace_id.encode("utf-8"), _TRACE_ID_CHARACTERS)


def faulty_header(request: "Request") -> HTTPClientError:
    """Return boto3's error for a value that would end its header early, or is no text at all.

    A line end followed by a space or a tab folds the header and is sent, as boto3 sends it.
    """
    for name, value in request.members:
        try:
            data = check_text(name, value)
        except HTTPClientError as error:
            return error
        if ends_early(data):
            return HTTPClientError(error=f"Invalid header value {data!r}")
    return HTTPClientError(error="Invalid header value")


def check_text(name: str, value: str) -> bytes:
    """Return a header's value as UTF-8; boto3's class of error for what is no text at all."""
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise HTTPClientError(error=f"Invalid header value {value!a} of {name}") from None


def ends_early(value: bytes) -> bool:
    """Say whether a line end in a header's value is followed by anything but a space or a tab."""
    lines = value.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return any(line[:1] not in (b" ", b"\t") for line in lines[1:])
