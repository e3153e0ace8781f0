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


class Files:
    """The two files, read: profiles by name, and the sections that profiles refer to.

    `config` and `credentials` are the profiles of each file; `services` and `sso_sessions` are the
    config file's sections of that kind, by their own names.
    """

    __slots__ = ("config", "credentials", "services", "sso_sessions")

    def __init__(
        self,
        config: "dict[str, Section]",
        credentials: "dict[str, Section]",
        services: "dict[str, Section]",
        sso_sessions: "dict[str, Section]",
    ) -> None:
        self.config = config
        self.credentials = credentials
        self.services = services
        self.sso_sessions = sso_sessions

    def __contains__(self, name: str) -> bool:
        return name in self.config or name in self.credentials

    def profile(self, name: str, *, named: bool) -> "Profile":
        """Return a profile by its name, an empty one if no file has it."""
        return Profile(name, self, named=named)


class Profile:
    """One profile: its settings, and the files that it can refer to.

    `settings` merges both files, the credentials file winning for any key; `from_credentials_file`
    and `from_config_file` are the two halves. `named` says that the program named the profile.
    """

    __slots__ = (
        "files",
        "from_config_file",
        "from_credentials_file",
        "name",
        "named",
        "settings",
    )

    def __init__(self, name: str, files: Files, *, named: bool) -> None:
        self.name = name
        self.named = named
        self.files = files
        self.from_config_file = files.config.get(name, {})
        self.from_credentials_file = files.credentials.get(name, {})
        self.settings = {**self.from_config_file, **self.from_credentials_file}

    def service_setting(self, service: str, key: str) -> "str | None":
        """Return a key of the profile's `services` section for one service.

        Raises `InvalidConfigError` if the profile names a section that does not exist.
        """
        section = self.settings.get("services")
        if section is None:
            return None
        services = self.files.services
        if section not in services:
            raise InvalidConfigError(
                error_msg=f"The profile is configured to use the services section but the "
                f'"{section}" services configuration does not exist.'
            )
        nested = services[section].get(service)
        return nested.get(key) if isinstance(nested, dict) else None


def load(profile_name: "str | None", environ: "Mapping[str, str]") -> Profile:
    """Return the profile that is named in code, by the environment, or by default.

    Raises `ProfileNotFound` if a named profile is in neither file, and `ConfigParseError` if a file
    cannot be read as one.
    """
    files = read(environ)
    name = profile_name
    if name is None:
        name = environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE"))
    if name is not None and name not in files:
        raise ProfileNotFound(profile=name)
    return files.profile("default" if name is None else name, named=profile_name is not None)


def read(environ: "Mapping[str, str]") -> Files:
    """Read the two files that the environment names, or those in the home folder."""
    config = sections(environ.get("AWS_CONFIG_FILE", "~/.aws/config")) or {}
    credentials = sections(environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")) or {}
    profiles: dict[str, Section] = {}
    services: dict[str, Section] = {}
    sso_sessions: dict[str, Section] = {}
    kinds = (("profile", profiles), ("sso-session", sso_sessions), ("services", services))
    for title, section in config.items():
        if title == "default":
            profiles[title] = section
            continue
        for beginning, kind in kinds:
            if title.startswith(beginning):
                words = _words(title)
                if len(words) == 2:
                    kind[words[1]] = section
                break
    return Files(profiles, credentials, services, sso_sessions)


def _words(title: str) -> "list[str]":
    """Split a section's title as a shell would; one that no shell could split has no words."""
    if not set("'\"\\") & set(title):
        return title.split()
    import shlex

    try:
        return shlex.split(title)
    except ValueError:
        return []


def sections(path: str) -> "dict[str, Section] | None":
    """Read a file of sections, `~` and `$VAR` expanded in its path; `None` if there is no file.

    A file that may not be read is an empty one. Raises `ConfigParseError` if it has another form.
    """
    path = os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111 - pathlib is slow to import
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read([path], encoding="utf-8")
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
