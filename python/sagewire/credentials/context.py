"""What a source of credentials looks at: the environment, the profile, the client's region.

Settings that boto3 reads for its own inner clients are read here by the same names.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sagewire.credentials.profiles import Profile


class Context:
    """The surroundings of one search for credentials.

    `user_agent` returns the `User-Agent` of requests to other services. `connect_timeout` is that
    of the client's defaults mode, in seconds.
    """

    __slots__ = ("connect_timeout", "environ", "profile", "region", "user_agent")

    def __init__(
        self,
        environ: "Mapping[str, str]",
        profile: "Profile",
        region: "str | None",
        user_agent: "Callable[[], str]",
        connect_timeout: "float | None" = 60,
    ) -> None:
        self.environ = environ
        self.profile = profile
        self.region = region
        self.user_agent = user_agent
        self.connect_timeout = connect_timeout

    def setting(self, variable: str, key: "str | None" = None) -> "Any":
        """Return what the environment or the profile says, `None` if neither does.

        `key` is the profile's word for it, that of the variable without `AWS_` where it is absent.
        """
        if variable in self.environ:
            return self.environ[variable]
        return self.profile.settings.get(key or variable.removeprefix("AWS_").lower())

    def is_true(self, variable: str, key: "str | None" = None) -> bool:
        """As `setting`, for a switch: only `true`, in any casing, is on."""
        return str(self.setting(variable, key)).lower() == "true"

    def number(self, variable: str, default: int) -> int:
        """As `setting`, for a whole number; `ValueError` for anything else."""
        value = self.setting(variable)
        return default if value is None else int(value)

    def __reduce__(self) -> "Any":
        # The process's environment is that of the process that unpickles.
        environ = None if self.environ is os.environ else dict(self.environ)
        state = (environ, self.profile, self.region, self.user_agent, self.connect_timeout)
        return _rebuild, state


def _rebuild(environ: "Mapping[str, str] | None", *others: "Any") -> Context:
    return Context(os.environ if environ is None else environ, *others)
