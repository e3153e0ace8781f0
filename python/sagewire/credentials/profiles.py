"""The shared config and credentials files, and the one profile that is read from them.

INI files as Python's `RawConfigParser` reads them, plus AWS's nested blocks. The format:
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

import os

from sagewire.exceptions import ConfigParseError, InvalidConfigError, ProfileNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Section = dict[str, Any]


class Profile:
    """One profile: its settings, and the sections that it can refer to.

    `settings` merges both files, the credentials file winning for any key; `from_credentials_file`
    and `from_config_file` are the two halves. `named` says that the program named the profile.
    """

    __slots__ = (
        "from_config_file",
        "from_credentials_file",
        "name",
        "named",
        "services",
        "settings",
    )

    def __init__(
        self,
        name: str,
        *,
        named: bool,
        from_config_file: "Section",
        from_credentials_file: "Section",
        services: "dict[str, Section]",
    ) -> None:
        self.name = name
        self.named = named
        self.from_config_file = from_config_file
        self.from_credentials_file = from_credentials_file
        self.settings = {**from_config_file, **from_credentials_file}
        self.services = services

    def service_setting(self, service: str, key: str) -> "str | None":
        """Return a key of the profile's `services` section for one service.

        Raises `InvalidConfigError` if the profile names a section that does not exist.
        """
        section = self.settings.get("services")
        if section is None:
            return None
        if section not in self.services:
            raise InvalidConfigError(
                error_msg=f"The profile is configured to use the services section but the "
                f'"{section}" services configuration does not exist.'
            )
        nested = self.services[section].get(service)
        return nested.get(key) if isinstance(nested, dict) else None


def load(profile_name: "str | None", environ: "Mapping[str, str]") -> Profile:
    """Return the profile that is named in code, by the environment, or by default.

    Raises `ProfileNotFound` if a named profile is in neither file, and `ConfigParseError` if a file
    cannot be read as one.
    """
    config = _read(environ.get("AWS_CONFIG_FILE", "~/.aws/config"))
    credentials = _read(environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
    profiles, services = _sorted_out(config)
    name = profile_name
    if name is None:
        name = environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))
    if name is not None and name not in profiles and name not in credentials:
        raise ProfileNotFound(profile=name)
    chosen = "default" if name is None else name
    return Profile(
        chosen,
        named=profile_name is not None,
        from_config_file=profiles.get(chosen, {}),
        from_credentials_file=credentials.get(chosen, {}),
        services=services,
    )


def _sorted_out(config: "dict[str, Section]") -> "tuple[dict[str, Section], dict[str, Section]]":
    """Split the config file's sections into profiles and services, each by bare name."""
    profiles: dict[str, Section] = {}
    services: dict[str, Section] = {}
    for title, section in config.items():
        words = _words(title)
        if title == "default":
            profiles[title] = section
        elif len(words) == 2 and words[0] == "profile":
            profiles[words[1]] = section
        elif len(words) == 2 and words[0] == "services":
            services[words[1]] = section
    return profiles, services


def _words(title: str) -> "list[str]":
    """Split a section's title as a shell would; one that no shell could split has no words."""
    if not set("'\"\\") & set(title):
        return title.split()
    import shlex

    try:
        return shlex.split(title)
    except ValueError:
        return []


def _read(path: str) -> "dict[str, Section]":
    """Read a file; a missing one, or a folder in its place, is an empty one."""
    path = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111 - pathlib is slow to import
    if not os.path.isfile(path):  # noqa: PTH113
        return {}
    import configparser

    # The default section of configparser would be merged into every other one.
    parser = configparser.RawConfigParser(default_section="\0")
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            parser.read_file(file)
    except (configparser.Error, UnicodeDecodeError):
        raise ConfigParseError(path=path) from None
    return {
        title: {key: _value(value, path) for key, value in parser.items(title)}
        for title in parser.sections()
    }


def _value(value: str, path: str) -> "str | Section":
    """Return a value, or the block of `key = value` lines that a value on later lines is."""
    if not value.startswith("\n"):
        return value
    block: Section = {}
    for line in value.splitlines():
        if line.strip():
            key, equals, nested = line.partition("=")
            if not equals:
                raise ConfigParseError(path=path)
            block[key.strip()] = nested.strip()
    return block
