"""The order in which credentials are looked for: boto3's.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
The modules of the sources are imported only when what points to them is there.
"""

from sagewire.credentials.sources import Absent, Fixed, FromCallable, Later
from sagewire.exceptions import PartialCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.profiles import Profile
    from sagewire.credentials.sources import Source

    Look = Callable[[Context], Source | None]

# What says how to reach the instance metadata service; a mistake there is one for every client.
_ABOUT_METADATA = (
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
)
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def from_arguments(
    access_key_id: "str | None", secret_access_key: "str | None", token: "str | None"
) -> "Source | None":
    """Return the explicit keys, `None` if there are none.

    Raises `PartialCredentialsError` if one of the two is missing. A token alone counts for nothing.
    """
    if access_key_id is None and secret_access_key is None:
        return None
    if access_key_id is None or secret_access_key is None:
        missing = "aws_access_key_id" if access_key_id is None else "aws_secret_access_key"
        raise PartialCredentialsError(provider="explicit", cred_var=missing)
    return Fixed(Credentials(access_key_id, secret_access_key, token), "explicit", ("e",))


def from_object(given: "Credentials | Callable[[], Credentials]") -> "Source":
    """Return what the `credentials` argument stands for; `TypeError` for anything else."""
    if isinstance(given, Credentials):
        return Fixed(given, "explicit", ("e",))
    if callable(given):
        return FromCallable(given)
    raise TypeError(
        "credentials: expected sagewire.sigv4.Credentials or a callable that returns them, "
        f"got {type(given).__name__}"
    )


def from_session(session: "Any", *, later: bool = False) -> "Source":
    """Return a source over a boto3, botocore or aiobotocore session's credentials.

    With `later`, the session looks for them at the first use.
    """
    from functools import partial

    from sagewire.credentials.session import load

    return Later(partial(load, session)) if later else load(session)


def found(context: "Context", *, later: bool = False) -> "Source":
    """Return the first source that has something, looking where boto3 looks.

    With `later`, a search that may wait (for a program, or for a metadata service) is left to the
    source's first use. Raises what the sources raise: `PartialCredentialsError` for a key id
    without its secret, `InvalidConfigError`, `CredentialRetrievalError` and others.
    """
    if any(context.setting(variable) is not None for variable in _ABOUT_METADATA):
        from sagewire.credentials.metadata import Settings

        Settings(context)
    return _first(context, 0, later)


def of_profile(context: "Context", profile: "Profile") -> "Source | None":
    """Return what a profile says of itself: the source of another profile's role."""
    from sagewire.credentials import process, sso, static, web_identity

    return (
        web_identity.load(context, profile, from_environment=False)
        or sso.load(context, profile)
        or static.from_credentials_file(profile)
        or _login(profile)
        or process.load(profile)
        or static.from_config_file(profile)
    )


def _first(context: "Context", start: int, later: bool) -> "Source":
    for place, (applies, may_wait, look) in enumerate(_CHAIN[start:], start):
        if applies(context):
            if later and may_wait:
                return Later(_Rest(context, place))
            source = look(context)
            if source is not None:
                return source
    return Absent()


class _Rest:
    """The search from some place of the chain on."""

    __slots__ = ("_context", "_place")

    def __init__(self, context: "Context", place: int) -> None:
        self._context = context
        self._place = place

    def __call__(self) -> "Source":
        return _first(self._context, self._place, later=False)

    def __reduce__(self) -> "Any":
        return type(self), (self._context, self._place)


def _has_key_in_environment(context: "Context") -> bool:
    # A profile named in code takes the environment's keys out of the search.
    return not context.profile.named and bool(context.environ.get("AWS_ACCESS_KEY_ID"))


def _environment(context: "Context") -> "Source | None":
    from sagewire.credentials.environment import load

    return load(context)


def _role(context: "Context") -> "Source | None":
    from sagewire.credentials import role, shared

    return shared.source(context, role.METHOD, lambda: role.load(context))


def _has_web_identity(context: "Context") -> bool:
    profile = context.profile
    return "web_identity_token_file" in profile.settings or (
        not profile.named and "AWS_WEB_IDENTITY_TOKEN_FILE" in context.environ
    )


def _web_identity(context: "Context") -> "Source | None":
    from sagewire.credentials import shared, web_identity

    profile = context.profile
    return shared.source(
        context,
        web_identity.METHOD,
        lambda: web_identity.load(context, profile, from_environment=not profile.named),
    )


def _has_sso(context: "Context") -> bool:
    settings = context.profile.settings
    return "sso_role_name" in settings or "sso_account_id" in settings


def _sso(context: "Context") -> "Source | None":
    from sagewire.credentials import shared, sso

    return shared.source(context, sso.METHOD, lambda: sso.load(context, context.profile))


def _credentials_file(context: "Context") -> "Source | None":
    from sagewire.credentials.static import from_credentials_file

    return from_credentials_file(context.profile)


def _login(profile: "Profile") -> "Source | None":
    from sagewire.credentials.login import load

    return load(profile)


def _process(context: "Context") -> "Source | None":
    from sagewire.credentials import process, shared

    return shared.source(context, process.METHOD, lambda: process.load(context.profile))


def _config_file(context: "Context") -> "Source | None":
    from sagewire.credentials.static import from_config_file

    return from_config_file(context.profile)


def _ec2_file(context: "Context") -> "Source | None":
    from sagewire.credentials.static import from_ec2_file

    return from_ec2_file(context)


def _boto2_file(context: "Context") -> "Source | None":
    from sagewire.credentials.static import from_boto2_file

    return from_boto2_file(context)


def _container(context: "Context") -> "Source | None":
    from sagewire.credentials import container, shared

    return shared.source(context, container.METHOD, lambda: container.load(context))


def _has_metadata(context: "Context") -> bool:
    return context.environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() != "true"


def _metadata(context: "Context") -> "Source | None":
    from sagewire.credentials import metadata, shared

    return shared.source(context, metadata.METHOD, lambda: metadata.load(context))


# In boto3's order: whether there is something to look at, whether looking may wait, how to look.
_CHAIN: "tuple[tuple[Callable[[Context], bool], bool, Look], ...]" = (
    (_has_key_in_environment, False, _environment),
    (lambda context: "role_arn" in context.profile.settings, True, _role),
    (_has_web_identity, False, _web_identity),
    (_has_sso, False, _sso),
    (lambda context: bool(context.profile.from_credentials_file), False, _credentials_file),
    (
        lambda context: "login_session" in context.profile.settings,
        True,
        lambda context: _login(context.profile),
    ),
    (lambda context: "credential_process" in context.profile.settings, True, _process),
    (lambda context: bool(context.profile.from_config_file), False, _config_file),
    (lambda context: "AWS_CREDENTIAL_FILE" in context.environ, False, _ec2_file),
    (lambda _context: True, False, _boto2_file),
    (
        lambda context: any(variable in context.environ for variable in _CONTAINER),
        True,
        _container,
    ),
    (_has_metadata, True, _metadata),
)
