"""Keys that stand in files: the two shared ones, and those of older tools."""

import os

from sagewire.credential_exceptions import MissingCredentialFieldError
from sagewire.credentials import profiles
from sagewire.credentials.sources import Fixed
from sagewire.exceptions import ConfigNotFound, PartialCredentialsError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.credentials.context import Context
    from sagewire.credentials.profiles import Profile, Section
    from sagewire.credentials.sources import Source

_BOTO2_FILES = ("/etc/boto.cfg", "~/.boto")


def from_credentials_file(profile: "Profile") -> "Source | None":
    """Return a profile's keys in the credentials file, `None` without a key id there."""
    return _from_section(profile.from_credentials_file, "shared-credentials-file", "n")


def from_config_file(profile: "Profile") -> "Source | None":
    """Return a profile's keys in the config file, `None` without a key id there."""
    return _from_section(profile.from_config_file, "config-file", "n")


def from_ec2_file(context: "Context") -> "Source | None":
    """Return the keys in the file that `AWS_CREDENTIAL_FILE` names, `None` without a key id.

    Raises `ConfigNotFound` if there is no such file.
    """
    path = os.path.expanduser(context.environ["AWS_CREDENTIAL_FILE"])  # noqa: PTH111
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            pairs = [line.partition("=") for line in file.read().splitlines() if "=" in line]
    except OSError:
        raise ConfigNotFound(path=path) from None
    given = {key.strip(): value.strip() for key, _, value in pairs}
    if "AWSAccessKeyId" not in given:
        return None
    if "AWSSecretKey" not in given:
        raise MissingCredentialFieldError(
            provider="ec2-credentials-file", error_msg=f"{path} has no AWSSecretKey"
        )
    credentials = Credentials(given["AWSAccessKeyId"], given["AWSSecretKey"])
    return Fixed(credentials, "ec2-credentials-file")


def from_boto2_file(context: "Context") -> "Source | None":
    """Return the keys in `BOTO_CONFIG`, or in the files where boto 2 looked."""
    named = context.environ.get("BOTO_CONFIG")
    for path in _BOTO2_FILES if named is None else (named,):
        section = (profiles.sections(path) or {}).get("Credentials", {})
        found = _from_section(section, "boto-config", "x", with_token=False)
        if found is not None:
            return found
    return None


def _from_section(
    section: "Section", method: str, feature: str, *, with_token: bool = True
) -> "Source | None":
    if "aws_access_key_id" not in section:
        return None
    if "aws_secret_access_key" not in section:
        raise PartialCredentialsError(provider=method, cred_var="aws_secret_access_key")
    token = None
    if with_token:
        token = section.get("aws_security_token", section.get("aws_session_token"))
    credentials = Credentials(section["aws_access_key_id"], section["aws_secret_access_key"], token)
    return Fixed(credentials, method, (feature,))
