"""What calls and presigned URLs do among the event handlers: provide, choose a signature, sign."""

import copy
import sys

from sagewire.client import signing
from sagewire.client.emitter import first_response
from sagewire.client.messages import AWSRequest
from sagewire.client.presign import Unsigned, operation_of, query_version
from sagewire.client.sending import Payloads
from sagewire.client.views import NO_OPTIONS
from sagewire.config import is_unsigned
from sagewire.endpoints import Origin, check_url, resolve
from sagewire.model.runtime import SERVICE_NAME, SIGNING_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.client.meta import ClientMeta
    from sagewire.client.opening import Core
    from sagewire.client.settings import Settings
    from sagewire.client.views import Options
    from sagewire.model.shapes import Operation
    from sagewire.sigv4 import Credentials


class RequestSigner:
    """What handlers are told about signing."""

    def __init__(self, region_name: str, signature_version: "Any") -> None:
        self.region_name = region_name
        self.signature_version = signature_version
        self.signing_name = SIGNING_NAME


class Steps:
    """One operation's events, and what is done among them.

    `credentials` is asked when it comes to signing.
    """

    def __init__(
        self,
        core: "Core",
        meta: "ClientMeta",
        operation: "Operation",
        parameters: "dict[str, Any]",
        options: "Options",
        context: "dict[str, Any]",
    ) -> None:
        self._core = core
        self._meta = meta
        self._operation = operation
        self._model = meta.service_model.operation_model(operation.name)
        self._signer = RequestSigner(meta.region_name, meta.config.signature_version)
        self._options = options
        self._context = context
        self._payloads = Payloads()
        self.parameters = parameters
        self.credentials: Callable[[], Credentials] = core.settings.source.current

    def provide(self) -> "Settings":
        """Let handlers change parameters and endpoint; return the settings with that endpoint."""
        settings, context, model = self._core.settings, self._context, self._model
        responses = self._emit(
            "provide-client-params", params=self.parameters, model=model, context=context
        )
        provided = first_response(responses)
        if provided is not None:
            self.parameters = provided
        self._emit("before-parameter-build", params=self.parameters, model=model, context=context)
        builtins: dict[str, Any] = {
            "AWS::Region": settings.region,
            "AWS::UseFIPS": settings.fips,
            "AWS::UseDualStack": settings.dualstack,
            "SDK::Endpoint": settings.endpoint_url if settings.custom_endpoint else None,
        }
        before = dict(builtins)
        self._meta.events.emit(
            f"before-endpoint-resolution.{SERVICE_NAME}",
            builtins=builtins,
            model=model,
            params=self.parameters,
            context=context,
        )
        if builtins == before:
            return settings
        chosen = copy.copy(settings)
        chosen.endpoint_url = resolve(
            builtins["AWS::Region"],
            fips=builtins["AWS::UseFIPS"],
            dualstack=builtins["AWS::UseDualStack"],
            endpoint=builtins["SDK::Endpoint"],
        )
        check_url(chosen.endpoint_url)
        chosen.origin = Origin(chosen.endpoint_url)
        return chosen

    def choose_version(self, request: AWSRequest, suffix: str) -> "Any":
        """Return the signature version that settings and handlers choose for a request."""
        context = request.context
        scope = context.get("signing") or {}
        version = _suffixed(context.get("auth_type") or self._signer.signature_version, suffix)
        if is_unsigned(version):
            # Handlers that compare know botocore's word for it.
            version = getattr(sys.modules.get("botocore"), "UNSIGNED", version)
        _, chosen = self._meta.events.emit_until_response(
            self._event("choose-signer"),
            signing_name=scope.get("signing_name", SIGNING_NAME),
            region_name=scope.get("region", self._meta.region_name),
            signature_version=version,
            context=context,
        )
        if chosen is not None:
            version = _suffixed(chosen, suffix)
        self._emit(
            "before-sign",
            request=request,
            signing_name=SIGNING_NAME,
            region_name=self._meta.region_name,
            signature_version=version,
            request_signer=self._signer,
            operation_name=self._operation.name,
        )
        return version

    def _emit(self, what: str, **kwargs: "Any") -> "list[tuple[Any, Any]]":
        return self._meta.events.emit(self._event(what), own=self, **kwargs)

    def _event(self, what: str) -> str:
        return f"{what}.{SERVICE_NAME}.{self._operation.name}"

    def sign(self, request: AWSRequest, **_kwargs: "Any") -> None:
        """Let handlers choose how to sign, and change the request before; then sign it."""
        version = self.choose_version(request, "")
        if is_unsigned(version):
            return
        scope = request.context.get("signing") or {}
        signing.sign(
            request,
            version,
            region=scope.get("region") or self._meta.region_name,
            service=scope.get("signing_name") or SIGNING_NAME,
            credentials=self.credentials,
            at=int(self._core.ambient.service_time()),
            hashed=lambda: self._payloads.to_sign(request.body),
        )

    def put_user_agent(self, request: AWSRequest, **_kwargs: "Any") -> None:
        """Put our `User-Agent` in place of what a handler made of it, as boto3 does."""
        if "User-Agent" in request.headers and "user-agent" not in self._options.extra_names:
            request.headers.replace_header("User-Agent", self._core.settings.user_agent())


def presigned_with_handlers(
    core: "Core",
    meta: "ClientMeta",
    arguments: "tuple[Any, Any, Any, Any]",
    credentials: "Callable[[], Credentials]",
    at: int,
) -> str:
    """As `presign.presigned`, with event handlers."""
    method, parameters, expires_in, http_method = arguments
    context = {
        "is_presign_request": True,
        "use_global_endpoint": meta.partition == "aws",
    }
    parameters = {} if parameters is None else parameters
    steps = Steps(core, meta, operation_of(method), parameters, NO_OPTIONS, context)
    settings = steps.provide()
    url = Unsigned(settings, method, steps.parameters, expires_in, http_method)
    request = AWSRequest(
        method=url.method,
        url=url.url,
        headers=url.members,
        data=url.body,
        context=context,
        stream_output=False,
    )
    version = steps.choose_version(request, "-query")
    if is_unsigned(version):
        return request.url
    url.method, url.url, url.body = request.method.upper(), request.url, request.data
    url.members = signing.sent_headers(request)
    return url.signed(query_version(version), credentials(), at)


def _suffixed(version: "Any", suffix: str) -> "Any":
    return version if is_unsigned(version) or version.endswith(suffix) else version + suffix
