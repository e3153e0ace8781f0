"""AWS STS: the two operations that give credentials for a role.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from sagewire.credential_exceptions import InvalidSTSRegionalEndpointsConfigError
from sagewire.credentials import dates
from sagewire.credentials.service import Caller, Service, metadata, region_of, unreadable
from sagewire.exceptions import CredentialRetrievalError
from sagewire.model import report
from sagewire.model.shapes import Member, Operation
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from xml.etree.ElementTree import Element

    from sagewire.credentials.context import Context
    from sagewire.credentials.line import Answer

_STS = Service("sts", "sts", "sts-fips")
_VERSION = "2011-06-15"
# Where the `legacy` setting still means the one endpoint for all regions.
_OLD_REGIONS = frozenset(
    (
        "ap-northeast-1",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "aws-global",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    )
)
_GLOBAL = "https://sts.amazonaws.com"


def _operation(name: str, required: "tuple[str, ...]", **minima: int) -> Operation:
    return Operation(
        name,
        method="",
        path="",
        required=required,
        inputs=tuple(
            Member(
                member,
                "body",
                type="integer" if member == "DurationSeconds" else "string",
                minimum=minimum,
            )
            for member, minimum in minima.items()
        ),
        outputs=(),
        errors=(),
    )


_ASSUME_ROLE = _operation(
    "AssumeRole",
    ("RoleArn", "RoleSessionName"),
    RoleArn=20,
    RoleSessionName=2,
    DurationSeconds=900,
    ExternalId=2,
    SerialNumber=9,
    TokenCode=6,
)
_WITH_WEB_IDENTITY = _operation(
    "AssumeRoleWithWebIdentity",
    ("RoleArn", "RoleSessionName", "WebIdentityToken"),
    RoleArn=20,
    RoleSessionName=2,
    WebIdentityToken=4,
)


def assume_role(
    context: "Context", source: Credentials, parameters: "Mapping[str, Any]"
) -> Credentials:
    """Return temporary credentials for a role, asked for with a source's credentials.

    Raises `ParamValidationError`, `ClientError` and the transport's exceptions.
    """
    url, region = endpoint(context)
    caller = Caller(context, url, _read_error, context.connect_timeout)
    return _ask(context, caller, _ASSUME_ROLE, parameters, (source, region, "sts"))


def assume_role_with_web_identity(
    context: "Context", parameters: "Mapping[str, Any]"
) -> Credentials:
    """Return temporary credentials for a role, asked for without a signature, with a token."""
    url, _ = endpoint(context)
    return _ask(context, Caller(context, url, _read_error), _WITH_WEB_IDENTITY, parameters, None)


def endpoint(context: "Context") -> "tuple[str, str]":
    """Return the URL of STS for a client's region, and the region to sign for."""
    choice = context.setting("AWS_STS_REGIONAL_ENDPOINTS") or "regional"
    if choice.lower() not in ("legacy", "regional"):
        raise InvalidSTSRegionalEndpointsConfigError(sts_regional_endpoints_config=choice)
    region = region_of(context.region)
    url, configured = _STS.url(context, region)
    if configured:
        return url, region
    plain = url == f"https://sts.{region}.amazonaws.com"
    if region == "aws-global" or (plain and choice.lower() == "legacy" and region in _OLD_REGIONS):
        return _GLOBAL, "us-east-1"
    return url, region


def _ask(
    context: "Context",
    caller: Caller,
    operation: Operation,
    parameters: "Mapping[str, Any]",
    signed_by: "tuple[Credentials, str, str] | None",
) -> Credentials:
    if str(context.profile.settings.get("parameter_validation", "")).lower() != "false":
        report.check(operation, parameters)
    from urllib.parse import urlencode

    form = {"Action": operation.name, "Version": _VERSION, **parameters}
    answer = caller.call(
        operation.name,
        "POST",
        "/",
        [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
        urlencode(form).encode("ascii"),
        signed_by,
    )
    return _read(operation.name, answer)


def _read(operation: str, answer: "Answer") -> Credentials:
    root = _xml(answer.body)
    given: dict[str, str] = {}
    if root is not None:
        for element in root.iter():
            if _name(element) == "Credentials":
                given = {_name(child): child.text or "" for child in element}
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    missing = [key for key in keys if key not in given]
    if missing:
        raise CredentialRetrievalError(
            provider=operation, error_msg=f"the answer of STS has no {', '.join(missing)}"
        )
    access_key_id, secret_access_key, token, expiration = (given[key] for key in keys)
    ends_at = dates.parse_answer(expiration, operation)
    return Credentials(access_key_id, secret_access_key, token, ends_at)


def _read_error(answer: "Answer") -> "dict[str, Any]":
    root = _xml(answer.body)
    parts = {} if root is None else {_name(child): child for child in root}
    if "Errors" in parts:
        parts.update({_name(child): child for child in parts["Errors"]})
    if "Error" not in parts:
        return unreadable(answer)
    error = {_name(child): child.text or "" for child in parts["Error"]}
    if "Code" not in error:
        error["Code"] = "Unknown"
    request_id = parts.get("RequestId")
    known = None if request_id is None else request_id.text or ""
    return {"Error": error, "ResponseMetadata": metadata(answer, known)}


def _xml(body: bytes) -> "Element | None":
    # From a service that is signed for, over TLS; and the parser knows no external entities.
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        return fromstring(body)  # noqa: S314
    except ParseError:
        return None


def _name(element: "Element") -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]
