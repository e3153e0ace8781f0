"""Roles assumed with a token from a file, as on EKS.

https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
"""

from functools import partial

from sagewire.credentials import clock
from sagewire.credentials.refreshing import Refreshing
from sagewire.exceptions import InvalidConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.credentials.context import Context
    from sagewire.credentials.profiles import Profile
    from sagewire.credentials.sources import Source
    from sagewire.sigv4 import Credentials

METHOD = "assume-role-with-web-identity"
_VARIABLES = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_arn": "AWS_ROLE_ARN",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
}


def load(context: "Context", profile: "Profile", *, from_environment: bool) -> "Source | None":
    """Return the role, to be assumed at the first use; `None` without a token file.

    Raises `InvalidConfigError` if there is a token file and no role.
    """
    features: list[str] = []

    def look_up(key: str) -> "str | None":
        value = context.environ.get(_VARIABLES[key]) if from_environment else None
        feature = "h"
        if value is None:
            value, feature = profile.settings.get(key), "q"
        if value is not None and feature not in features:
            features.append(feature)
        return value

    path = look_up("web_identity_token_file")
    if not path:
        return None
    role_arn = look_up("role_arn")
    if not role_arn:
        raise InvalidConfigError(
            error_msg="The provided profile or the current environment is configured to assume "
            "role with web identity but has no role ARN configured. Ensure that the profile has "
            "the role_arnconfiguration set or the AWS_ROLE_ARN env var is set."
        )
    name = look_up("role_session_name")
    parameters: dict[str, str] = {} if name is None else {"RoleSessionName": name}
    parameters["RoleArn"] = role_arn
    if not name:
        parameters["RoleSessionName"] = f"botocore-session-{int(clock.now())}"
    return Refreshing(partial(_assume, context, path, parameters), METHOD, (*features, "k"))


def _assume(context: "Context", path: str, parameters: "dict[str, str]") -> "Credentials":
    from sagewire.credentials import sts

    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - the token is renewed in its file
        token = file.read()
    return sts.assume_role_with_web_identity(context, {**parameters, "WebIdentityToken": token})
