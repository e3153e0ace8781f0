"""`credential_process`: a program that prints credentials.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from functools import partial

from sagewire.credential_exceptions import InvalidCredentialOutputError
from sagewire.credentials import dates
from sagewire.credentials.refreshing import Refreshing
from sagewire.credentials.sources import Fixed
from sagewire.exceptions import CredentialRetrievalError
from sagewire.sigv4 import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagewire.credentials.profiles import Profile
    from sagewire.credentials.sources import Source

METHOD = "custom-process"
_FEATURES = ("v", "w")


def load(profile: "Profile") -> "Source | None":
    """Run the profile's program and return what it printed, `None` without a program.

    Raises `CredentialRetrievalError` if it fails or prints something else, and `OSError` if there
    is no such program.
    """
    command = profile.settings.get("credential_process")
    if command is None:
        return None
    credentials = _run(command)
    if credentials.expires_at is None:
        return Fixed(credentials, METHOD, _FEATURES)
    return Refreshing(partial(_run_again, command), METHOD, _FEATURES, credentials)


def _run_again(command: str) -> Credentials:
    credentials = _run(command)
    if credentials.expires_at is None:
        raise CredentialRetrievalError(
            provider=METHOD,
            error_msg="Credential refresh failed, response did not contain: expiry_time",
        )
    return credentials


def _run(command: str) -> Credentials:
    import shlex
    import subprocess

    # Without a shell: `$HOME` or `|` in it are words like any other.
    run = subprocess.run(shlex.split(command), capture_output=True, check=False)  # noqa: S603
    if run.returncode != 0:
        raise CredentialRetrievalError(
            provider=METHOD, error_msg=run.stderr.decode("utf-8", "replace")
        )
    parsed = _parsed(run.stdout)
    version = parsed.get("Version", "<Version key not provided>")
    if version != 1:
        raise CredentialRetrievalError(
            provider=METHOD,
            error_msg=f"Unsupported version '{version}' for credential process provider, "
            "supported versions: 1",
        )
    for key in ("AccessKeyId", "SecretAccessKey"):
        if key not in parsed:
            raise CredentialRetrievalError(
                provider=METHOD, error_msg=f"Missing required key in response: '{key}'"
            )
    expiration = parsed.get("Expiration")
    return Credentials(
        parsed["AccessKeyId"],
        parsed["SecretAccessKey"],
        parsed.get("SessionToken"),
        None if expiration is None else dates.parse_answer(expiration, METHOD),
    )


def _parsed(output: bytes) -> "dict[str, Any]":
    import json

    try:
        parsed = json.loads(output.decode("utf-8"))
    except ValueError as error:
        # Without its cause: that carries the whole output, which may hold a secret.
        words = f"the output is no JSON: {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidCredentialOutputError(
            provider=METHOD, error_msg=words or "the output is not UTF-8"
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidCredentialOutputError(
            provider=METHOD, error_msg=f"the output is no JSON object: {type(parsed).__name__}"
        )
    return parsed
