"""One setting by its names in `Config`, the environment and the profile, and checks on settings."""

from sagewire import config as checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.credentials.profiles import Profile

_CHECKED_WORDS = (
    "request_checksum_calculation",
    "response_checksum_validation",
    "account_id_endpoint_mode",
)


class Lookup:
    """One setting by its names in `Config`, the environment and the profile."""

    __slots__ = ("environ", "given", "profile")

    def __init__(
        self, given: "dict[str, Any]", environ: "Mapping[str, str]", profile: "Profile"
    ) -> None:
        self.given = dict(given)
        self.environ = environ
        self.profile = profile

    def __call__(self, field: str, variable: str, key: "str | None" = None) -> "Any":
        """Return what `Config` says, or else the environment or the profile."""
        value = self.given.get(field)
        return self.elsewhere(variable, key or field) if value is None else value

    def elsewhere(self, variable: str, key: str) -> "Any":
        """Return what the environment or the profile says."""
        return self.environ.get(variable, self.profile.settings.get(key))

    def boolean(self, field: str, variable: str) -> "Any":
        """As a call, but text counts: only `true`, in any casing, is true."""
        if self.given.get(field) is not None:
            return self.given[field]
        return str(self.elsewhere(variable, field)).lower() == "true"


def check_words(lookup: Lookup) -> None:
    """Check the settings that have no effect on this service, as boto3 does."""
    size = lookup("request_min_compression_size_bytes", "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES")
    if size is not None:
        checks.check_compression_size(size)
    for field in _CHECKED_WORDS:
        word = lookup(field, f"AWS_{field.upper()}")
        if word is not None:
            checks.check_choice(field, word)
