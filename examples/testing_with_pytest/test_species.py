"""Tests of species.py. The fixture `sagemaker_endpoint` comes with sagewire: nothing to import."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from species import UnknownSpeciesError, species


def model(request):
    """Stand in for the model: what it is sent can be looked at, what it answers is known."""
    length, width, *_ = json.loads(request.body)
    if length < width:
        raise ValueError("longer than wide, please")
    return json.dumps({"species": "setosa" if length < 6 else "virginica"}), "application/json"


@pytest.fixture
def endpoint(sagemaker_endpoint):
    return sagemaker_endpoint({"iris": model})


@pytest.mark.usefixtures("endpoint")
def test_a_species():
    assert species([5.1, 3.5, 1.4, 0.2]) == "setosa"
    assert species([6.9, 3.1, 5.4, 2.1]) == "virginica"


@pytest.mark.usefixtures("endpoint")
def test_what_the_model_refuses():
    with pytest.raises(UnknownSpeciesError, match="longer than wide"):
        species([1, 2])


def test_an_outage(endpoint):
    # Every attempt of boto3's five.
    endpoint.fail_with("ServiceUnavailable", times=5)
    assert species([5.1, 3.5], fallback="some iris") == "some iris"


def test_a_hiccup_is_tried_again(endpoint):
    endpoint.drop_connection()
    endpoint.delay(0.1)
    assert species([5.1, 3.5], fallback="some iris") == "setosa"


def test_an_endpoint_that_is_not_there(sagemaker_endpoint):
    sagemaker_endpoint({"other": model})
    with pytest.raises(ClientError, match="Endpoint iris of account 123456789012 not found"):
        species([5.1, 3.5])


def test_what_is_sent(sagemaker_endpoint):
    seen = []
    local = sagemaker_endpoint({"iris": lambda request: seen.append(request) or b'{"species": ""}'})
    species([5.1, 3.5])
    assert json.loads(seen[0].body) == [5.1, 3.5]
    assert seen[0].content_type == "application/json"
    assert boto3.client("sagemaker-runtime").meta.endpoint_url == local.url
