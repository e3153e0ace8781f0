"""Where STS and SSO are, for every kind of region and setting: botocore's rule sets decide."""

import itertools
from collections.abc import Callable
from typing import Any

import botocore.loaders
import pytest
from botocore.endpoint_provider import EndpointProvider

from sagewire.credentials import profiles, sts
from sagewire.credentials.context import Context
from sagewire.credentials.service import Service
from sagewire.exceptions import EndpointResolutionError

REGIONS = [
    "us-east-1",
    "ap-east-2",
    "us-gov-west-1",
    "cn-north-1",
    "us-iso-east-1",
    "eusc-de-east-1",
]
SERVICES = {
    "sts": Service("sts", "sts", "sts-fips"),
    "sso": Service("sso", "portal.sso", "portal.sso-fips"),
    "sso-oidc": Service("sso_oidc", "oidc", "oidc-fips"),
}


def context(region: str, **variables: str) -> Context:
    profile = profiles.read({"AWS_CONFIG_FILE": "/nonexistent"}).profile("default", named=False)
    return Context(variables, profile, region, lambda: "ua")


def theirs(service: str, **parameters: Any) -> str:
    loader = botocore.loaders.Loader()
    provider = EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"),
        loader.load_data("partitions"),
    )
    url: str = provider.resolve_endpoint(**parameters).url
    return url


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", REGIONS)
def test_endpoints_are_botocores(service: str, region: str) -> None:
    for fips, dual in itertools.product((True, False), repeat=2):
        flags = {"AWS_USE_FIPS_ENDPOINT": str(fips), "AWS_USE_DUALSTACK_ENDPOINT": str(dual)}
        ours = SERVICES[service].url(context(region, **flags), region)
        assert ours == (
            theirs(service, Region=region, UseFIPS=fips, UseDualStack=dual),
            False,
        )


@pytest.mark.parametrize("region", [*REGIONS, "aws-global", "us-west-2", "eu-central-1"])
@pytest.mark.parametrize("choice", ["legacy", "regional", "LEGACY"])
def test_the_one_sts_of_old_regions(region: str, choice: str) -> None:
    ours, signed_for = sts.endpoint(context(region, AWS_STS_REGIONAL_ENDPOINTS=choice))
    parameters = {"Region": region, "UseFIPS": False, "UseDualStack": False}
    assert ours == theirs("sts", UseGlobalEndpoint=choice.lower() == "legacy", **parameters)
    assert signed_for == ("us-east-1" if ours == "https://sts.amazonaws.com" else region)


def test_a_configured_url_wins() -> None:
    surroundings = context(
        "us-east-1", AWS_ENDPOINT_URL="http://all", AWS_ENDPOINT_URL_STS="http://s"
    )
    assert sts.endpoint(surroundings) == ("http://s", "us-east-1")
    assert SERVICES["sso"].url(surroundings, "us-east-1") == ("http://all", True)
    ignored = context(
        "us-east-1", AWS_ENDPOINT_URL="http://all", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true"
    )
    assert sts.endpoint(ignored)[0] == "https://sts.us-east-1.amazonaws.com"


def test_a_partition_without_dual_stack(config_file: Callable[[str], None]) -> None:
    with pytest.raises(EndpointResolutionError, match="does not support DualStack"):
        sts.endpoint(context("eu-isoe-west-1", AWS_USE_DUALSTACK_ENDPOINT="true"))
