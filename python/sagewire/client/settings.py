"""What one client was configured to be: arguments, `Config`, environment and profile, put together.

Precedence, as in boto3: argument of `client()`, then `Config`, then the environment, then the
profile, then the default.
"""

import os

from sagewire import config as checks
from sagewire.client import sessions, user_agent
from sagewire.client.lookup import Lookup, resolved_words
from sagewire.config import Config
from sagewire.credentials import chain, profiles
from sagewire.credentials.context import Context
from sagewire.credentials.sources import Absent
from sagewire.endpoints import (
    Origin,
    check_url,
    checked_region,
    partition_of,
    resolve,
)
from sagewire.exceptions import (
    BotoCoreError,
    DataNotFoundError,
    EndpointResolutionError,
    HTTPClientError,
    InvalidConfigError,
    UnknownServiceError,
)
from sagewire.model.runtime import API_VERSION, ENDPOINT_PREFIX, SERVICE_ALIASES, SERVICE_NAME
from sagewire.proxies import route_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sagewire.credentials.profiles import Profile
    from sagewire.credentials.sources import Source
    from sagewire.proxies import ProxyRoute
    from sagewire.sigv4 import Credentials

_EMPTY_BUNDLE = (
    "Invalid CA bundle: the configured value (ca_bundle, AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or "
    "verify) resolved to an empty or whitespace-only string. Provide a valid path to a CA bundle "
    "file."
)
# Known to boto3, accepted by no service of this kind: refused rather than signed in another way.
_OTHER_SIGNATURES = (
    "v2",
    "v3",
    "v3https",
    "s3",
    "s3-query",
)


class Settings:
    """The resolved settings of one client.

    `config` is what holds for this client, `shown` what boto3 shows of that as
    `client.meta.config`. `refusal` is the error that boto3 keeps for the first call. With
    `search_later`, nothing waits here: a search for credentials that may wait is left to the first
    call, as an event loop needs it.
    """

    __slots__ = (
        "ca_bundle",
        "config",
        "custom_endpoint",
        "dualstack",
        "endpoint_url",
        "fips",
        "max_attempts",
        "origin",
        "partition",
        "proxy",
        "refusal",
        "region",
        "retry_mode",
        "shown",
        "source",
        "validate",
        "verify",
    )

    config: Config
    shown: Config
    validate: bool
    custom_endpoint: bool
    dualstack: bool
    fips: bool
    endpoint_url: str
    origin: "Origin | None"
    proxy: "ProxyRoute | None"
    refusal: "Exception | None"
    source: "Source"

    def __init__(
        self,
        *,
        service_name: str,
        region_name: "str | None",
        api_version: "str | None",
        use_ssl: bool,
        verify: "bool | str | None",
        endpoint_url: "str | None",
        keys: "tuple[str | None, str | None, str | None]",
        config: "Any",
        profile_name: "str | None",
        session: "Any",
        credentials: "Credentials | Callable[[], Credentials] | None",
        environ: "Mapping[str, str]" = os.environ,
        search_later: bool = False,
    ) -> None:
        if service_name not in SERVICE_ALIASES:
            raise UnknownServiceError(
                service_name=service_name, known_service_names=", ".join(SERVICE_ALIASES)
            )
        given = {} if config is None else checks.given_options(config)
        if session is not None:
            config, given = sessions.with_default_config(session, config, given)
            profile = sessions.profile_of(session, profile_name)
        else:
            profile = profiles.load(profile_name, environ)
        lookup = Lookup(given, environ, profile)
        self.refusal = None

        # In boto3's order: of two mistakes it tells of the same one.
        region = _chosen_region(region_name, session, lookup)
        if region is not None:
            checked_region(region)
        timeout = checks.DEFAULTS_MODES.get(
            str(lookup.elsewhere("AWS_DEFAULTS_MODE", "defaults_mode")).lower(), 60
        )
        context = Context(environ, profile, region, user_agent.plain, timeout)
        self.source = self._find_credentials(
            keys, credentials, session, given, context, search_later
        )
        if "sso_session" in profile.settings:
            from sagewire.credentials import sso_token

            sso_token.check(profile)
        defaults_mode = _checked_defaults_mode(lookup)
        _check_api_version(api_version, profile)
        if endpoint_url is None:
            endpoint_url = _configured_endpoint(lookup, profile)
        if self._take_region(region, lookup) and config is None:
            config = Config()  # as boto3 makes one, whose time-outs beat those of a defaults mode
        self._take_endpoint(endpoint_url, use_ssl, lookup)
        options = dict(given)
        checks.check_types(options)
        options.update(resolved_words(lookup))
        if defaults_mode == "auto":
            defaults_mode = _mode_of_place(
                self.region, lookup.environ, None if search_later else context
            )
        self._take_retries_and_timeouts(options, config, lookup, defaults_mode)
        self._take_signature_version(options, profile)
        self._take_verify(verify, lookup)
        self._take_proxy(given)
        options["tcp_keepalive"] = lookup.boolean("tcp_keepalive", "BOTOCORE_TCP_KEEPALIVE")
        appid = lookup("user_agent_appid", "AWS_SDK_UA_APP_ID", "sdk_ua_app_id")
        options["user_agent_appid"] = appid
        self.validate = bool(given.get("parameter_validation", True))
        if self.validate and "parameter_validation" in profile.settings:
            in_file = str(profile.settings["parameter_validation"]).lower()
            self.validate = in_file != "false"
        options["region_name"] = self.region
        self.config = Config(**options)
        self.shown = Config(**{**options, **self._shown_in_another_way(lookup)})

    def _shown_in_another_way(self, lookup: Lookup) -> "dict[str, Any]":
        """Return what `client.meta.config` shows in place of what holds, as in boto3."""
        return {
            "user_agent": self.user_agent(),
            "parameter_validation": True,
            **{
                field: bool(lookup.boolean(field, f"AWS_{field.upper()}")) or None
                for field in ("use_fips_endpoint", "use_dualstack_endpoint")
            },
            "tcp_keepalive": self.config.tcp_keepalive or lookup.given.get("tcp_keepalive"),
            # What they decide is shown by other fields.
            "ignore_configured_endpoint_urls": None,
            "endpoint_discovery_enabled": None,
            "defaults_mode": None,
        }

    def _take_region(self, region: "str | None", lookup: "Lookup") -> bool:
        """Take a region, and return whether its name asked for FIPS."""
        self.region, fips = checked_region(region)
        self.partition = partition_of(self.region)
        if fips:
            import logging

            logging.getLogger(__name__).warning(
                "the pseudo region %s stands for %s with FIPS on", region, self.region
            )
            lookup.given["use_fips_endpoint"] = True
        return fips

    def _take_endpoint(
        self,
        endpoint_url: "str | None",
        use_ssl: bool,
        lookup: "Lookup",
    ) -> None:
        self.custom_endpoint = endpoint_url is not None
        self.fips = self.dualstack = False
        if endpoint_url is None:
            # What is false counts as `False`, of whatever type, and what is true has to be `True`.
            fips = lookup.boolean("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT") or False
            dualstack = (
                lookup.boolean("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT") or False
            )
            try:
                endpoint_url = resolve(self.region, fips=fips, dualstack=dualstack)
                self.fips, self.dualstack = fips, dualstack
            except EndpointResolutionError as error:
                # boto3 finds a setting of the wrong type only when it is used.
                self.refusal = error
                endpoint_url = resolve(self.region)
            if not use_ssl:
                endpoint_url = f"http{endpoint_url.removeprefix('https')}"
        check_url(endpoint_url)
        self.endpoint_url = endpoint_url
        try:
            self.origin = Origin(endpoint_url)
        except (ValueError, HTTPClientError) as error:
            # A bad port or scheme: boto3 says so when it connects.
            self.origin, self.refusal = None, error

    def _take_retries_and_timeouts(
        self,
        options: "dict[str, Any]",
        config: "Any",
        lookup: "Lookup",
        defaults_mode: str,
    ) -> None:
        timeout = checks.DEFAULTS["connect_timeout"] if config is None else config.connect_timeout
        # In boto3 `None` leaves the matter to the mode, and is no time-out where there is no mode.
        if config is None or (timeout is None and defaults_mode != "legacy"):
            timeout = checks.DEFAULTS_MODES[defaults_mode]
        options["defaults_mode"] = defaults_mode
        options["connect_timeout"] = timeout
        options.setdefault("read_timeout", 60)
        for kind in ("connect", "read"):
            checks.check_timeout(kind, options[f"{kind}_timeout"])

        retries = dict(lookup.given.get("retries") or {})
        attempts = retries.get("total_max_attempts")
        if attempts is None and "max_attempts" in retries:
            attempts = retries["max_attempts"] + 1
        if attempts is None:
            attempts = lookup.elsewhere("AWS_MAX_ATTEMPTS", "max_attempts")
            if attempts is not None:
                attempts = int(attempts)
                checks.check_attempts(attempts, least=1)
        mode = retries.get("mode")
        if mode is None:
            mode = lookup.elsewhere("AWS_RETRY_MODE", "retry_mode")
        mode = "standard" if mode is None else mode
        checks.check_retry_mode(mode)
        self.retry_mode = mode
        self.max_attempts = attempts or (5 if mode == "legacy" else 3)
        shown = {} if attempts is None else {"total_max_attempts": attempts}
        options["retries"] = {**shown, "mode": mode}

    def _take_signature_version(self, options: "dict[str, Any]", profile: "Profile") -> None:
        version = options.get("signature_version")
        if version is None:
            section = profile.settings.get(ENDPOINT_PREFIX)
            version = section.get("signature_version") if isinstance(section, dict) else None
            version = version or None
        if version in _OTHER_SIGNATURES:
            raise InvalidConfigError(
                error_msg=f"signature_version {version!r} is not supported by sagewire; supported "
                "are None, 'v4', 's3v4', 'v4-query', 's3v4-query', 'bearer' and sagewire.UNSIGNED."
            )
        options["signature_version"] = "v4" if version is None else version

    def _take_verify(self, verify: "bool | str | None", lookup: "Lookup") -> None:
        bundle: Any = verify
        if bundle is None:
            bundle = lookup.elsewhere("AWS_CA_BUNDLE", "ca_bundle")
        if bundle is None:
            bundle = lookup.environ.get("REQUESTS_CA_BUNDLE")
        if isinstance(bundle, str) and not bundle.strip():
            raise InvalidConfigError(error_msg=_EMPTY_BUNDLE)
        self.verify = bundle is not False
        self.ca_bundle = None
        if bundle is not None and not isinstance(bundle, bool):
            if not isinstance(bundle, (str, os.PathLike)):
                raise TypeError(f"verify must be bool or a path, not {type(bundle).__name__}")
            self.ca_bundle = os.path.expanduser(os.fspath(bundle))  # noqa: PTH111 - no pathlib at start-up

    def _take_proxy(self, given: "dict[str, Any]") -> None:
        self.proxy = None
        if self.origin is None:
            return
        try:
            self.proxy = route_to(self.origin, given.get("proxies"), given.get("proxies_config"))
        except HTTPClientError as error:
            # boto3 says so when it connects.
            self.refusal = self.refusal or error

    def user_agent(self) -> str:
        """Return the `User-Agent` header of this client's requests."""
        config = self.config
        return user_agent.build(
            user_agent=config.user_agent,
            extra=config.user_agent_extra,
            appid=config.user_agent_appid,
            retry_mode=self.retry_mode,
            custom_endpoint=self.custom_endpoint,
            features=self.source.features if self.signed else (),
            environ=os.environ,
        )

    @property
    def signed(self) -> bool:
        """Whether requests carry a signature."""
        return not checks.is_unsigned(self.config.signature_version)

    def _find_credentials(
        self,
        keys: "tuple[str | None, str | None, str | None]",
        credentials: "Any",
        session: "Any",
        given: "dict[str, Any]",
        context: Context,
        search_later: bool,
    ) -> "Source":
        explicit = chain.from_arguments(*keys)
        if explicit is not None:
            return explicit
        if credentials is not None:
            return chain.from_object(credentials)
        if session is not None:
            return chain.from_session(session, later=search_later)
        if checks.is_unsigned(given.get("signature_version")):
            return Absent()
        return chain.found(context, later=search_later)


def _configured_endpoint(lookup: "Lookup", profile: "Profile") -> "str | None":
    """Return the endpoint's URL that the environment or the profile names, unless ignored."""
    if lookup.boolean("ignore_configured_endpoint_urls", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None
    return (
        lookup.environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME")
        or lookup.environ.get("AWS_ENDPOINT_URL")
        or profile.service_setting("sagemaker_runtime", "endpoint_url")
        or profile.settings.get("endpoint_url")
        or None
    )


def _check_api_version(api_version: "str | None", profile: "Profile") -> None:
    if api_version is None:
        section = profile.settings.get("api_versions")
        api_version = section.get(SERVICE_NAME) if isinstance(section, dict) else None
    if api_version not in (None, API_VERSION):
        version = f"{api_version}/" if api_version else ""
        raise DataNotFoundError(data_path=f"{SERVICE_NAME}/{version}service-2")


def _checked_defaults_mode(lookup: "Lookup") -> str:
    mode = lookup.given.get("defaults_mode")
    if not mode:
        mode = lookup.elsewhere("AWS_DEFAULTS_MODE", "defaults_mode")
    return checks.check_defaults_mode("legacy" if mode is None else mode)


def _chosen_region(region_name: "str | None", session: "Any", lookup: "Lookup") -> "str | None":
    region = region_name
    if region is None:
        region = lookup.given.get("region_name")
    if region is None and session is not None:
        region = sessions.region_of(session)
    if region is None:
        region = lookup("region_name", "AWS_DEFAULT_REGION", "region")
    return region


def _mode_of_place(region: str, environ: "Mapping[str, str]", context: "Context | None") -> str:
    """Return what `auto` stands for; the instance metadata service is asked if there is `context`.

    It is not where nothing may wait.
    """
    here = None
    if environ.get("AWS_EXECUTION_ENV"):
        here = environ.get("AWS_REGION", environ.get("AWS_DEFAULT_REGION"))
    if not here and context is not None:
        here = _region_of_instance(context)
    if not here:
        return "standard"
    return "in-region" if here == region else "cross-region"


def _region_of_instance(context: Context) -> "str | None":
    from sagewire.credentials import metadata

    try:
        return metadata.region(context)
    except (BotoCoreError, ValueError, OSError):
        # It was asked for a better default only.
        return None
