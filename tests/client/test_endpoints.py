"""Regions to endpoints: AWS's own cases, and boto3's own checks."""

import re

import botocore.session
import pytest
from botocore.exceptions import InvalidRegionError as BotocoreInvalidRegionError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url, validate_region_name
from hypothesis import assume, given
from hypothesis import strategies as st

from sagewire.endpoints import Origin, check_url, checked_region, resolve
from sagewire.exceptions import EndpointResolutionError, InvalidRegionError, NoRegionError
from tests.support import vectors

CASES = vectors.load("endpoints.jsonl") or [None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"] if case else "absent")
def test_an_endpoint_of_awss_rule_set(case: dict | None) -> None:
    if case is None:
        pytest.skip("recorded vectors are not part of a clone")
    given_, expected = case["params"], case["expect"]

    def resolved() -> str:
        return resolve(
            given_.get("Region"),
            fips=given_.get("UseFIPS", False),
            dualstack=given_.get("UseDualStack", False),
            endpoint=given_.get("Endpoint"),
        )

    if "error" in expected:
        with pytest.raises(EndpointResolutionError) as raised:
            resolved()
        assert str(raised.value) == expected["error"]
    else:
        assert resolved() == expected["endpoint"]["url"]


def test_every_region_botocore_lists_resolves_as_botocore_resolves_it() -> None:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("sagemaker-runtime", partition):
            theirs = session.create_client(
                "sagemaker-runtime", region, aws_access_key_id="a", aws_secret_access_key="b"
            )
            assert resolve(region) == theirs.meta.endpoint_url


region_names = st.one_of(
    st.text("abz-019_. @\n", max_size=8), st.from_regex(r"[a-z]{2}-[a-z]+-[0-9]", fullmatch=True)
)


@given(region_names)
def test_regions_are_checked_as_botocore_checks_them(region: str) -> None:
    try:
        validate_region_name(region)
    except BotocoreInvalidRegionError:
        with pytest.raises(InvalidRegionError):
            checked_region(region)
    else:
        assert checked_region(region) == (region, False)


@pytest.mark.parametrize(
    ("region", "plain"),
    [
        ("fips-us-east-1", "us-east-1"),
        ("us-gov-west-1-fips", "us-gov-west-1"),
        ("us-fips-east-1", "us-east-1"),
        ("fips-us-fips-east-1-fips", "us-east-1"),
    ],
)
def test_a_region_that_asks_for_fips_is_taken_apart_as_botocore_does_it(
    region: str, plain: str
) -> None:
    assert checked_region(region) == (plain, True)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    theirs = botocore.session.Session().create_client("sagemaker-runtime", region, **keys)
    assert theirs.meta.region_name == plain
    assert theirs.meta.endpoint_url == resolve(plain, fips=True)


@pytest.mark.parametrize("region", ["fips-", "-fips", "fips-us_east"])
def test_a_region_is_checked_before_the_word_is_taken_out(region: str) -> None:
    with pytest.raises(BotocoreInvalidRegionError):
        validate_region_name(region)
    with pytest.raises(InvalidRegionError, match=f"'{region}'"):
        checked_region(region)


def test_no_region_is_an_error_of_its_own() -> None:
    with pytest.raises(NoRegionError, match=r"^You must specify a region\.$"):
        checked_region(None)


hosts = st.one_of(
    st.text("abc-_.09:[]", max_size=12),
    st.sampled_from(["[::1]", "localhost.", "a" * 64, "x" * 63 + ".com", "127.0.0.1"]),
)


@given(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(
            [
                "http://",
                "https://",
                "HTTP://",
                "",
                "//",
                " http://",
                "\x00//",
                "://",
                "1h://",
                "h p://",
            ]
        ),
        hosts,
        st.sampled_from(["", ":80", "/p", "?q", "#f", "/\n"]),
        st.sampled_from(["", "/", "@"]),
    )
)
def test_urls_are_checked_as_botocore_checks_them(url: str) -> None:
    # Older versions of urllib take the address out of `0[::]`; newer ones, and we, refuse it.
    assume(not re.search(r"[^/@]\[", url))
    try:
        valid = bool(is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url))
    except ValueError:
        valid = False  # the standard library refuses to split it
    if valid:
        check_url(url)
    else:
        with pytest.raises(ValueError, match=r"^Invalid endpoint: "):
            check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header", "path", "query"),
    [
        ("http://h:8080/base", "h", 8080, "h:8080", "/base", ""),
        ("http://h/base/", "h", 80, "h", "/base", ""),
        ("https://H:443", "h", 443, "h", "", ""),
        ("http://h:443", "h", 443, "h:443", "", ""),
        ("http://[::1]:8080", "::1", 8080, "[::1]:8080", "", ""),
        ("http://u:p@h/a b?x=1&y#f", "h", 80, "h", "/a%20b", "?x=1&y"),
        ("http://h/%c3%a9\u00e9%zz", "h", 80, "h", "/%C3%A9%C3%A9%25zz", ""),
        ("http://h//", "h", 80, "h", "/", ""),
        (" \x01http://h/x", "h", 80, "h", "/x", ""),
        ("//h:81/x", "h", 81, "h:81", "/x", ""),
        ("http://[fe80::1%25eth0]:8080/x", "fe80::1%eth0", 8080, "[fe80::1]:8080", "/x", ""),
        ("http://[fe80::1%eth0]", "fe80::1%eth0", 80, "[fe80::1]", "", ""),
    ],
)
def test_a_url_is_taken_apart_and_cleaned(
    url: str, host: str, port: int, host_header: str, path: str, query: str
) -> None:
    origin = Origin(url)
    assert (origin.host, origin.port, origin.host_header) == (host, port, host_header)
    assert (origin.path, origin.query) == (path, query)
