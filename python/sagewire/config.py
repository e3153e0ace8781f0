"""`Config`: boto3's settings for a client, by boto3's names, in boto3's order, with its checks.

`botocore.config.Config` objects are welcome wherever this one is: they have the same attributes.
"""

import sys

from sagewire.exceptions import (
    InvalidChecksumConfigError,
    InvalidConfigError,
    InvalidDefaultsMode,
    InvalidMaxRetryAttemptsError,
    InvalidRetryConfigurationError,
    InvalidRetryModeError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Field -> default, in the order in which boto3 takes them positionally.
DEFAULTS: "dict[str, Any]" = {
    "region_name": None,
    "signature_version": None,
    "user_agent": None,
    "user_agent_extra": None,
    "user_agent_appid": None,
    "connect_timeout": 60,
    "read_timeout": 60,
    "parameter_validation": True,
    "max_pool_connections": 10,
    "proxies": None,
    "proxies_config": None,
    "s3": None,
    "s3_disable_express_session_auth": None,
    "retries": None,
    "client_cert": None,
    "inject_host_prefix": True,
    "endpoint_discovery_enabled": None,
    "use_dualstack_endpoint": None,
    "use_fips_endpoint": None,
    "ignore_configured_endpoint_urls": None,
    "defaults_mode": None,
    "tcp_keepalive": None,
    "request_min_compression_size_bytes": None,
    "disable_request_compression": None,
    "client_context_params": None,
    "sigv4a_signing_region_set": None,
    "request_checksum_calculation": None,
    "response_checksum_validation": None,
    "account_id_endpoint_mode": None,
    "auth_scheme_preference": None,
}

# Mode -> default connect timeout in seconds. The read timeout is 60 in every mode.
DEFAULTS_MODES = {
    "legacy": 60,
    "auto": 3.1,
    "standard": 3.1,
    "in-region": 1.1,
    "cross-region": 3.1,
    "mobile": 30,
}
RETRY_MODES = ("legacy", "standard", "adaptive")
_RETRY_OPTIONS = ("max_attempts", "mode", "total_max_attempts")
_CHECKSUM_CHOICES = ("when_supported", "when_required")
_ACCOUNT_ID_MODES = ("preferred", "disabled", "required")


class _Unsigned:
    """The one object that stands for "send no signature"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "sagewire.UNSIGNED"

    def __reduce__(self) -> str:
        return "UNSIGNED"


UNSIGNED = _Unsigned()
"""`Config(signature_version=UNSIGNED)`: requests without a signature, credentials not looked up."""


def is_unsigned(signature_version: "Any") -> bool:
    """Say whether a setting is our `UNSIGNED` or botocore's.

    >>> is_unsigned(UNSIGNED), is_unsigned("v4")
    (True, False)
    """
    theirs = getattr(sys.modules.get("botocore"), "UNSIGNED", UNSIGNED)
    return signature_version is UNSIGNED or signature_version is theirs


class Config:
    """Settings of a client.

    Takes boto3's fields, by name or in boto3's order. Those with an effect on this service:
    `region_name`, `signature_version` (`None`, `"v4"`, `"s3v4"`, `"v4-query"`, `"s3v4-query"`,
    `"bearer"` with `AWS_BEARER_TOKEN_SAGEMAKER`, or `sagewire.UNSIGNED`),
    `user_agent`, `user_agent_extra`, `user_agent_appid`, `connect_timeout` and `read_timeout`
    (seconds; `None` waits for ever, or leaves connecting to `defaults_mode`),
    `parameter_validation`, `max_pool_connections`, `retries` (`mode`, which is boto3's
    `standard`, `legacy` or `adaptive`, or `safe`, which repeats only what provably never ran;
    and `max_attempts` retries or `total_max_attempts`), `client_cert` (a path, or a pair of
    certificate and key), `use_dualstack_endpoint`, `use_fips_endpoint`,
    `ignore_configured_endpoint_urls`, `defaults_mode` and `tcp_keepalive`.

    Raises `TypeError` for an unknown field, and boto3's exceptions for a value that is not allowed.

    >>> Config(read_timeout=5, retries={"total_max_attempts": 2})
    Config(read_timeout=5, retries={'total_max_attempts': 2})
    """

    __slots__ = (*DEFAULTS, "_user_provided_options")

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> "Any": ...

    def __init__(self, *args: "Any", **kwargs: "Any") -> None:
        given: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name not in DEFAULTS:
                raise TypeError(f"Got unexpected keyword argument '{name}'")
            given[name] = value
        if len(args) > len(DEFAULTS):
            raise TypeError(f"Takes at most {len(DEFAULTS)} arguments ({len(args)} given)")
        for name, value in zip(DEFAULTS, args):  # noqa: B905 - fewer arguments are the rule
            if name in given:
                raise TypeError(f"Got multiple values for keyword argument '{name}'")
            given[name] = value
        if given.get("retries") is not None:
            check_retries(given["retries"])
            given["retries"] = dict(given["retries"])  # a copy: ours to keep, theirs to change
        self._user_provided_options = given
        for name, default in DEFAULTS.items():
            setattr(self, name, given.get(name, default))
        if given.get("defaults_mode", "legacy") != "legacy" and "connect_timeout" not in given:
            self.connect_timeout = None

    def merge(self, other_config: "Any") -> "Config":
        """Return a new `Config` in which the fields that `other_config` was given win."""
        return Config(**{**self._user_provided_options, **given_options(other_config)})

    def __repr__(self) -> str:
        # A proxy's URL may hold a password.
        shown = {
            name: "..." if name == "proxies" and value else value
            for name, value in self._user_provided_options.items()
        }
        return f"Config({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def __reduce__(self) -> "Any":
        return _rebuild, (self._user_provided_options,)


def _rebuild(options: "dict[str, Any]") -> Config:
    return Config(**options)


def given_options(config: "Any") -> "dict[str, Any]":
    """Return the fields that a `Config`, ours or botocore's, was explicitly given.

    Raises `TypeError` for an object that is neither.
    """
    options = getattr(config, "_user_provided_options", None)
    if not isinstance(options, dict):
        raise TypeError(
            "config: expected sagewire.Config or botocore.config.Config, "
            f"got {type(config).__name__}"
        )
    return options


def check_retries(retries: "Mapping[str, Any]") -> None:
    """Raise boto3's exception for a `retries` that boto3 would refuse."""
    if not hasattr(retries, "items"):
        raise TypeError(f"retries must be a mapping, not {type(retries).__name__}")
    for option, value in retries.items():
        if option not in _RETRY_OPTIONS:
            raise InvalidRetryConfigurationError(
                retry_config_option=option, valid_options=_RETRY_OPTIONS
            )
        if option == "mode":
            check_retry_mode(value)
        else:
            check_attempts(value, least=0 if option == "max_attempts" else 1)


def check_retry_mode(mode: "Any") -> None:
    """Raise `InvalidRetryModeError` if there is no such retry mode, ours (`safe`) included."""
    if mode not in RETRY_MODES and mode != "safe":
        raise InvalidRetryModeError(provided_retry_mode=mode, valid_modes=RETRY_MODES)


def check_attempts(attempts: "Any", *, least: int) -> None:
    """Raise `InvalidMaxRetryAttemptsError` if there are fewer attempts than `least`."""
    if attempts < least:
        raise InvalidMaxRetryAttemptsError(provided_max_attempts=attempts, min_value=least)


def check_timeout(kind: str, value: "Any") -> None:
    """Raise `ValueError` unless a timeout is a number over zero or `None`, as boto3 does."""
    if value is None:
        return
    if isinstance(value, bool):
        raise ValueError(  # noqa: TRY004 - boto3's class
            f"{kind} timeout cannot be a boolean value. It must be an int, float or None."
        )
    if not isinstance(value, (int, float)):
        words = f"Timeout value {kind} was {value}, but it must be an int, float or None."
        raise ValueError(words)  # noqa: TRY004 - boto3's class
    if value != value:  # noqa: PLR0124 - not a number: boto3 leaves that to the socket
        raise ValueError(f"{kind}_timeout: not a number (NaN); allowed: seconds over 0, or None")
    if value <= 0:
        raise ValueError(
            f"Attempted to set {kind} timeout to {value}, but the timeout cannot be set to a "
            "value less than or equal to 0."
        )


def check_types(options: "Mapping[str, Any]") -> None:
    """Raise `TypeError` that names the field for what is no text, no number or no path."""
    for field in ("user_agent", "user_agent_extra", "user_agent_appid"):
        value = options.get(field)
        # Nothing of any kind is nothing at an end, as in boto3.
        if value is not None and not isinstance(value, str) and (value or field == "user_agent"):
            raise TypeError(f"{field} must be str, not {type(value).__name__}")
    connections = options.get("max_pool_connections", 0)
    if not hasattr(connections, "__index__"):
        raise TypeError(f"max_pool_connections must be int, not {type(connections).__name__}")
    s3 = options.get("s3")
    if s3 is not None and not hasattr(s3, "get"):
        raise TypeError(f"s3 must be a dict, not {type(s3).__name__}")
    pair = options.get("client_cert")
    if isinstance(pair, tuple) and len(pair) != 2:
        raise ValueError(
            f"client_cert: {len(pair)} paths are given; allowed: one, or a pair of certificate "
            "and key"
        )


def check_defaults_mode(mode: str) -> str:
    """Return the mode in lower case; raise `InvalidDefaultsMode` if there is none of that name."""
    if str(mode).lower() not in DEFAULTS_MODES:
        raise InvalidDefaultsMode(
            mode=mode,
            valid_modes="legacy, auto, standard, in-region, cross-region, mobile",
        )
    return mode.lower()


def checked_compression_size(size: "Any") -> int:
    """Return a number of bytes; `InvalidConfigError` for what boto3 refuses."""
    try:
        number = int(size)
    except (TypeError, ValueError, OverflowError):
        raise InvalidConfigError(
            error_msg=f'Invalid value "{size}" for request_min_compression_size_bytes. '
            f"Value must be an integer. Received {type(size)} instead."
        ) from None
    if not 1 <= number <= 1048576:
        raise InvalidConfigError(
            error_msg=f'Invalid value "{size}" for request_min_compression_size_bytes. '
            "Value must be between 1 and 1048576."
        )
    return number


def checked_choice(field: str, value: "Any") -> "Any":
    """Return a field's word in lower case; raise boto3's exception for one it does not know."""
    word = value.lower() if isinstance(value, str) else value
    if field == "account_id_endpoint_mode":
        if word not in _ACCOUNT_ID_MODES:
            raise InvalidConfigError(
                error_msg=f"The configured value '{word}' for 'account_id_endpoint_mode' is "
                f"invalid. Valid values are: {_ACCOUNT_ID_MODES}."
            )
    elif word not in _CHECKSUM_CHOICES:
        raise InvalidChecksumConfigError(
            config_key=field, config_value=word, valid_options=_CHECKSUM_CHOICES
        )
    return word


def checked_schemes(value: "Any") -> "str | None":
    """Return names of ways to sign without their spaces; `InvalidConfigError` for what is no text.

    There is one way for this service.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidConfigError(
            error_msg="auth_scheme_preference must be a comma-delimited string. "
            f"Received {type(value)} instead: {value}."
        )
    names = (name.replace(" ", "").replace("\t", "") for name in value.split(","))
    return ",".join(name for name in names if name.strip())
