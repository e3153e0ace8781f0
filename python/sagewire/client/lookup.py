"""One setting by its names in `Config`, the environment and the profile, and checks on settings."""

from sagewire import config as checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sagewire.credentials.profiles import Profile

# Field -> default.
_CHECKED_WORDS = {
    "request_checksum_calculation": "when_supported",
    "response_checksum_validation": "when_supported",
    "account_id_endpoint_mode": "preferred",
}


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


def resolved_words(lookup: Lookup) -> "dict[str, Any]":
    """Return the settings that have no effect on this service, resolved and checked as in boto3."""
    size = lookup("request_min_compression_size_bytes", "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES")
    words: dict[str, Any] = {
        "request_min_compression_size_bytes": checks.checked_compression_size(
            10240 if size is None else size
        )
    }
    unsigned = checks.is_unsigned(lookup.given.get("signature_version"))
    for field, default in _CHECKED_WORDS.items():
        word = lookup(field, f"AWS_{field.upper()}")
        if field == "account_id_endpoint_mode" and unsigned:
            words[field] = "disabled"  # there is no account id without keys
        else:
            words[field] = checks.checked_choice(field, default if word is None else word)
    for field in ("disable_request_compression", "sigv4a_signing_region_set"):
        words[field] = lookup(field, f"AWS_{field.upper()}")
    words["disable_request_compression"] = (
        str(words["disable_request_compression"]).lower() == "true"
    )
    schemes = lookup.given.get("auth_scheme_preference") or lookup.elsewhere(
        "AWS_AUTH_SCHEME_PREFERENCE", "auth_scheme_preference"
    )
    words["auth_scheme_preference"] = checks.checked_schemes(schemes)
    express = (lookup.given.get("s3") or {}).get("disable_s3_express_session_auth")
    words["s3_disable_express_session_auth"] = bool(express)
    # Of another service, and checked for every client all the same.
    regional = lookup.elsewhere("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints")
    if regional and regional not in ("legacy", "regional"):
        from sagewire.credential_exceptions import InvalidSTSRegionalEndpointsConfigError

        raise InvalidSTSRegionalEndpointsConfigError(sts_regional_endpoints_config=regional)
    return words
