"""What a boto3 or botocore session brings along: its profile, region and default config."""

from sagewire import config as checks
from sagewire.config import Config
from sagewire.credentials import profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.credentials.profiles import Profile


def with_default_config(
    session: "Any", config: "Any", given: "dict[str, Any]"
) -> "tuple[Any, dict[str, Any]]":
    """Let a session's default client config stand behind the config that was given."""
    default = getattr(_botocore_session(session), "get_default_client_config", lambda: None)()
    if default is None:
        return config, given
    options = {**checks.given_options(default), **given}
    return Config(**options), options


def _botocore_session(session: "Any") -> "Any":
    return getattr(session, "_session", session)


def profile_of(session: "Any", profile_name: "str | None") -> "Profile":
    """Return a session's profile. `TypeError` if it has none, or if one is named beside it."""
    inner = _botocore_session(session)
    if profile_name is not None or not hasattr(inner, "get_scoped_config"):
        raise TypeError(
            "session: takes a boto3 or botocore session, and its profile; give profile_name to "
            f"the session, not beside it (got {type(session).__name__})"
        )
    name = inner.get_config_variable("profile") or "default"
    services = dict(inner.full_config.get("services", {}))
    sso_sessions = dict(inner.full_config.get("sso_sessions", {}))
    files = profiles.Files({name: dict(inner.get_scoped_config())}, {}, services, sso_sessions)
    return files.profile(name, named=False)


def region_of(session: "Any") -> "str | None":
    """Return a session's region, if it has one."""
    region: str | None = getattr(session, "region_name", None)
    if region is None:
        region = _botocore_session(session).get_config_variable("region")
    return region
