"""Generated environments and files: what botocore finds in them, we find, or say the same words."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sagewire
from sagewire.credentials import shared
from tests.support.fakes import Sts

REGION = "us-east-1"
NAMES = ["default", "a", "b", "my prof"]
ROLES = ["arn:aws:iam::1:role/one", "arn:aws:iam::2:role/two"]
PROCESS = """sh -c 'echo "{\\"Version\\": 1, \\"AccessKeyId\\": \\"AKP\\", %s}"'"""
VALUES: dict[str, list[str]] = {
    "aws_access_key_id": ["AKONE", "AKTWO", ""],
    "aws_secret_access_key": ["s1", "s2"],
    "aws_session_token": ["t1", ""],
    "aws_security_token": ["u1", ""],
    "role_arn": [*ROLES, "short"],
    "source_profile": [*NAMES, "nope"],
    "credential_source": ["Environment", "environment", "EcsContainer", "Ec2InstanceMetadata"],
    "role_session_name": ["mine", "x"],
    "external_id": ["ext"],
    "duration_seconds": ["1800", "5", "soon"],
    "web_identity_token_file": ["{HOME}/token", "{HOME}/nothing", ""],
    "credential_process": [
        PROCESS % '\\"SecretAccessKey\\": \\"sp\\"',
        PROCESS % '\\"SecretAccessKey\\": \\"sp\\", \\"SessionToken\\": \\"tp\\"',
        PROCESS % '\\"Nothing\\": 1',
        "false",
    ],
    "sso_account_id": ["1"],
    "sso_role_name": ["r"],
    "sso_start_url": ["https://s.test/"],
    "sso_region": ["eu-west-1"],
    "sso_session": ["s", "nope"],
    "login_session": ["arn:aws:iam::1:user/x"],
    "region": ["eu-west-1"],
    "unknown": ["x"],
}
VARIABLES: dict[str, list[str]] = {
    "AWS_ACCESS_KEY_ID": ["AKENV", ""],
    "AWS_SECRET_ACCESS_KEY": ["se", ""],
    "AWS_SESSION_TOKEN": ["te", ""],
    "AWS_SECURITY_TOKEN": ["ue", ""],
    "AWS_CREDENTIAL_EXPIRATION": ["2099-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00", ""],
    "AWS_PROFILE": [*NAMES, *NAMES, "nope"],
    "AWS_DEFAULT_PROFILE": NAMES,
    "AWS_WEB_IDENTITY_TOKEN_FILE": ["{HOME}/token"],
    "AWS_ROLE_ARN": ROLES,
    "AWS_ROLE_SESSION_NAME": ["env-name"],
    "AWS_CREDENTIAL_FILE": ["{HOME}/ec2", "{HOME}/nothing"],
    "BOTO_CONFIG": ["{HOME}/boto", "{HOME}/nothing"],
    "AWS_STS_REGIONAL_ENDPOINTS": ["legacy", "regional", "bogus"],
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": ["not a url", "http://127.0.0.1:1", "http://h/"],
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ["IPv4", "ipv6", "IPV4", "bogus"],
}
FILES = {
    "token": "a.jwt.token",
    "ec2": "AWSAccessKeyId=AKEC2\nAWSSecretKey = s = 2\nnonsense\n",
    "boto": "[Credentials]\naws_access_key_id = AKBOTO\naws_secret_access_key = sb\n",
}


def some_of(table: dict[str, list[str]], most: int) -> st.SearchStrategy[dict[str, str]]:
    """Return dicts of a few of the table's keys, in any order."""
    return st.lists(st.sampled_from(list(table)), max_size=most, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: st.sampled_from(table[key]) for key in keys})
    )


# A random choice of keys is seldom a chain of roles; these are built so that many are.
KEYS = st.just({"aws_access_key_id": "AKSRC", "aws_secret_access_key": "ssrc"})
ROLE = st.fixed_dictionaries(
    {"role_arn": st.sampled_from(ROLES), "source_profile": st.sampled_from(NAMES)},
    optional={key: st.sampled_from(VALUES[key]) for key in ("external_id", "duration_seconds")},
)
PROFILE = st.one_of(some_of(VALUES, 6), KEYS, ROLE)
PROFILES = st.dictionaries(st.sampled_from(NAMES), PROFILE, max_size=4)


def text_of(sections: dict[str, dict[str, str]], title: Callable[[str], str]) -> str:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{title(name)}]")
        lines += [f"{key} = {value}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def config_title(name: str) -> str:
    return name if name == "default" else f'profile "{name}"'


def outcome(find: Callable[[], Any]) -> tuple[Any, ...]:
    """Return what was found, or the class and words of the error."""
    try:
        method, keys = find()
    except Exception as error:
        words = str(error) if hasattr(error, "fmt") or hasattr(error, "response") else ""
        name = type(error).__name__
        if not words:  # a leak of the parser's own: that there is an error is what counts
            name = "leak"
        return name, words
    return method, keys


def asked_of(sts: Sts) -> list[tuple[dict[str, str], str]]:
    """Return the forms that were sent, and who signed; the fake forgets them."""
    asked = [
        (request.form, request.headers.get("authorization", "").partition(", ")[0])
        for request in sts.asked
    ]
    sts.asked.clear()
    for form, _ in asked:
        if form["RoleSessionName"].startswith("botocore-session-"):
            form["RoleSessionName"] = "botocore-session"
    return asked


@pytest.fixture(scope="module")
def sts() -> Any:
    with Sts() as sts:
        yield sts


EXAMPLES = itertools.count()


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    variables=some_of(VARIABLES, 5),
    config=PROFILES,
    credentials=PROFILES,
    session=some_of(
        {key: VALUES[key] for key in ("sso_start_url", "sso_region", "sso_account_id")}, 3
    ),
    profile_name=st.sampled_from([None, None, *NAMES]),
)
def test_what_botocore_finds_we_find(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sts: Sts,
    variables: dict[str, str],
    config: dict[str, dict[str, str]],
    credentials: dict[str, dict[str, str]],
    session: dict[str, str],
    profile_name: str | None,
) -> None:
    home = tmp_path / str(next(EXAMPLES))
    (home / ".aws").mkdir(parents=True)
    for name, text in FILES.items():
        (home / name).write_text(text)
    config_text = text_of(config, config_title) + text_of({"s": session}, "sso-session {}".format)
    (home / ".aws" / "config").write_text(config_text.replace("{HOME}", str(home)))
    credentials_text = text_of(credentials, str)
    (home / ".aws" / "credentials").write_text(credentials_text.replace("{HOME}", str(home)))
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        for name, value in variables.items():
            patch.setenv(name, value.replace("{HOME}", str(home)))
        assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"

        def theirs() -> Any:
            session = botocore.session.Session(profile=profile_name)
            session.get_scoped_config()  # as boto3.Session does, for the profile's existence
            session._last_client_region_used = REGION
            found = session.get_credentials()
            session.get_auth_token()  # as for every client, whether it needs one or not
            regional = session.get_config_variable("sts_regional_endpoints")
            if regional not in ("legacy", "regional"):  # as for every client, too
                raise botocore.exceptions.InvalidSTSRegionalEndpointsConfigError(
                    sts_regional_endpoints_config=regional
                )
            if found is None:
                raise sagewire.exceptions.NoCredentialsError
            frozen = found.get_frozen_credentials()
            return found.method, (frozen.access_key, frozen.secret_key, frozen.token or None)

        def ours() -> Any:
            client = sagewire.client(profile_name=profile_name, region_name=REGION)
            source = client._settings.source
            found = source.current()
            keys = (found.access_key_id, found.secret_access_key, found.token or None)
            return source.method, keys

        sts.asked.clear()
        expected, expected_questions = outcome(theirs), asked_of(sts)
        shared.forget()
        found, questions = outcome(ours), asked_of(sts)
        assert (found, questions) == (expected, expected_questions)
