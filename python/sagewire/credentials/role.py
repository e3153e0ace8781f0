"""Assumed roles: a profile's `role_arn`, and the credentials that may assume it.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from functools import partial

from sagewire.credential_exceptions import InfiniteLoopConfigError, RefreshWithMFAUnsupportedError
from sagewire.credentials import clock
from sagewire.credentials.refreshing import Refreshing
from sagewire.exceptions import (
    CredentialRetrievalError,
    InvalidConfigError,
    PartialCredentialsError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.credentials.context import Context
    from sagewire.credentials.profiles import Section
    from sagewire.credentials.sources import Source
    from sagewire.sigv4 import Credentials

METHOD = "assume-role"
# `credential_source` -> where it looks, and its letter in the User-Agent.
_NAMED = {"Environment": "g", "EcsContainer": "z", "Ec2InstanceMetadata": "0"}


def assumes(settings: "Section") -> bool:
    """Say whether a profile assumes a role with other credentials (not with a web identity)."""
    return "role_arn" in settings and "web_identity_token_file" not in settings


def load(context: "Context") -> "Source | None":
    """Return the profile's role, to be assumed at the first use; `None` if it has none.

    Raises `InvalidConfigError`, `PartialCredentialsError` or `CredentialRetrievalError` if there is
    nothing to assume it with.
    """
    if not assumes(context.profile.settings):
        return None
    return _Search(context).role(context.profile.name)


class _Search:
    """The way from a role to what may assume it, over any number of other roles."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._files = context.profile.files
        self._visited = [context.profile.name]
        self._features: list[str] = []

    def role(self, name: str) -> "Source":
        settings = self._files.profile(name, named=True).settings
        source = self._source_of(name, settings)
        for feature in (*source.features, "i"):
            self._note(feature)
        parameters: dict[str, Any] = {}
        for key, parameter in (
            ("role_session_name", "RoleSessionName"),
            ("external_id", "ExternalId"),
            ("mfa_serial", "SerialNumber"),
        ):
            if key in settings:
                parameters[parameter] = settings[key]
        duration = _whole_number(settings.get("duration_seconds"))
        if duration is not None:
            parameters["DurationSeconds"] = duration
        parameters["RoleArn"] = settings["role_arn"]
        if not parameters.get("RoleSessionName"):
            parameters["RoleSessionName"] = f"botocore-session-{int(clock.now())}"
        fetch: Callable[[], Credentials] = partial(_assume, self._context, source, parameters)
        if "SerialNumber" in parameters:
            fetch = _WithCode(self._context, source, parameters)
        return Refreshing(fetch, METHOD, tuple(self._features))

    def _source_of(self, name: str, settings: "Section") -> "Source":
        source_profile = settings.get("source_profile")
        credential_source = settings.get("credential_source")
        if source_profile is not None and credential_source is not None:
            raise InvalidConfigError(
                error_msg=f'The profile "{name}" contains both source_profile and '
                "credential_source."
            )
        if credential_source is not None:
            return self._named_source(name, credential_source)
        if source_profile is None:
            raise PartialCredentialsError(
                provider=METHOD, cred_var="source_profile or credential_source"
            )
        return self._source_profile(name, source_profile)

    def _named_source(self, name: str, credential_source: str) -> "Source":
        if credential_source not in _NAMED:
            raise InvalidConfigError(
                error_msg=f'The credential source "{credential_source}" referenced in profile '
                f'"{name}" is not valid.'
            )
        if credential_source == "Environment":
            from sagewire.credentials.environment import load as look
        elif credential_source == "EcsContainer":
            from sagewire.credentials.container import load as look
        else:
            from sagewire.credentials.metadata import load as look
        self._note("p")
        source = look(self._context)
        if source is None:
            raise CredentialRetrievalError(
                provider=credential_source,
                error_msg=f"No credentials found in credential_source referenced in profile {name}",
            )
        return source

    def _source_profile(self, parent: str, name: str) -> "Source":
        if name not in self._files:
            raise InvalidConfigError(
                error_msg=f'The source_profile "{name}" referenced in the profile "{parent}" does '
                "not exist."
            )
        profile = self._files.profile(name, named=True)
        settings = profile.settings
        has_keys = "aws_access_key_id" in settings or "aws_secret_access_key" in settings
        # A profile may name itself, if it has keys of its own to assume its role with.
        if name in self._visited and not (name == parent and has_keys):
            raise InfiniteLoopConfigError(source_profile=name, visited_profiles=self._visited)
        self._visited.append(name)
        self._note("o")
        self._note("n")
        if assumes(settings) and not has_keys:
            return self.role(name)
        from sagewire.credentials.chain import of_profile

        source = of_profile(self._context, profile)
        if source is None:
            raise InvalidConfigError(
                error_msg=f'The source profile "{name}" must have credentials.'
            )
        return source

    def _note(self, feature: str) -> None:
        if feature not in self._features:
            self._features.append(feature)


def _assume(context: "Context", source: "Source", parameters: "dict[str, Any]") -> "Credentials":
    from sagewire.credentials import sts

    return sts.assume_role(context, source.current(), parameters)


class _WithCode:
    """Assumes a role with a one-time code, which it asks for at the terminal, once."""

    def __init__(self, context: "Context", source: "Source", parameters: "dict[str, Any]") -> None:
        self._asked = False
        self._needs = (context, source, parameters)

    def __call__(self) -> "Credentials":
        if self._asked:
            raise RefreshWithMFAUnsupportedError
        self._asked = True
        from getpass import getpass

        context, source, parameters = self._needs
        code = getpass(f"Enter MFA code for {parameters['SerialNumber']}: ")
        return _assume(context, source, {**parameters, "TokenCode": code})

    def __reduce__(self) -> "Any":
        return type(self), self._needs


def _whole_number(text: "str | None") -> "int | None":
    """Return a number, `None` for what is none: such a duration is passed over, as in boto3."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
