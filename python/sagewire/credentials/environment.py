"""Keys in the environment, read again before `AWS_CREDENTIAL_EXPIRATION` where that is set."""

from sagewire.credentials.refreshing import Refreshing
from sagewire.credentials.sources import Fixed
from sagewire.exceptions import PartialCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.credentials.context import Context
    from sagewire.credentials.sources import Source

METHOD = "env"
_FEATURES = ("g",)


def load(context: "Context") -> "Source | None":
    """Return the environment's keys, `None` without a key id.

    Raises `PartialCredentialsError` for a key id without its secret, and `ValueError` for an
    expiration that is no date.
    """
    if not context.environ.get("AWS_ACCESS_KEY_ID"):
        return None
    credentials = _read(context)
    if credentials.expires_at is None:
        return Fixed(credentials, METHOD, _FEATURES)
    from functools import partial

    again = partial(_read, context, "AWS_CREDENTIAL_EXPIRATION")
    return Refreshing(again, METHOD, _FEATURES, credentials)


def _read(context: "Context", *also_required: str) -> Credentials:
    environ = context.environ
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", *also_required):
        if not environ.get(variable):
            raise PartialCredentialsError(provider=METHOD, cred_var=variable)
    expires_at = None
    if environ.get("AWS_CREDENTIAL_EXPIRATION"):
        from sagewire.credentials.dates import parse

        try:
            expires_at = parse(environ["AWS_CREDENTIAL_EXPIRATION"])
        except ValueError as error:
            raise ValueError(f"AWS_CREDENTIAL_EXPIRATION: {error}") from None
    return Credentials(
        environ["AWS_ACCESS_KEY_ID"],
        environ["AWS_SECRET_ACCESS_KEY"],
        environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN") or None,
        expires_at,
    )
