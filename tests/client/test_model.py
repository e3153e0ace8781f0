"""The tables of the API model against botocore's service model, and against the headers' own."""

import importlib
from typing import Any

import botocore.session
import pytest
from botocore.model import ServiceModel

from sagewire.model.runtime import ERROR_MEMBERS, ERRORS, OPERATIONS
from sagewire.model.shapes import Operation


@pytest.fixture(scope="module")
def theirs() -> ServiceModel:
    return botocore.session.Session().get_service_model("sagemaker-runtime")


def located(shape: Any, payload: str | None) -> list[tuple[Any, ...]]:
    rows = []
    for name, member in shape.members.items():
        where = member.serialization
        place = {"uri": "path", "header": "header"}.get(where.get("location", ""), "body")
        kind = "blob" if name == payload else member.type_name
        rows.append((name, place, where.get("name") if place == "header" else None, kind))
    return rows


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_inputs_are_botocores_in_model_order(theirs: ServiceModel, operation: Operation) -> None:
    shape = theirs.operation_model(operation.name).input_shape
    assert [
        (member.name, member.place, member.header, member.type) for member in operation.inputs
    ] == located(shape, "Body")
    assert list(operation.required) == [
        name for name in shape.members if name in shape.required_members
    ]
    assert {member.name: member.minimum for member in operation.inputs} == {
        name: member.metadata.get("min") or None for name, member in shape.members.items()
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_a_bodys_limit_is_botocores(theirs: ServiceModel, operation: Operation) -> None:
    body = theirs.operation_model(operation.name).input_shape.members["Body"]
    assert operation.body_limit == body.metadata["max"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_outputs_and_errors_are_botocores(theirs: ServiceModel, operation: Operation) -> None:
    model = theirs.operation_model(operation.name)
    headers = [
        (member.name, member.header) for member in operation.outputs if member.place == "header"
    ]
    assert headers == [
        (name, member.serialization["name"])
        for name, member in model.output_shape.members.items()
        if member.serialization.get("location") == "header"
    ]
    assert operation.errors == {shape.name for shape in model.error_shapes}
    assert model.http["requestUri"] == f"/endpoints/{{EndpointName}}/{operation.path}"
    assert model.http["method"] == "POST"


def test_errors_their_statuses_and_members_are_botocores(theirs: ServiceModel) -> None:
    shapes = {shape.name: shape for shape in theirs.error_shapes}
    assert set(ERRORS) == set(shapes) == set(ERROR_MEMBERS)
    for name, shape in shapes.items():
        assert shape.metadata.get("error", {}).get("httpStatusCode") == ERRORS[name]
        kinds = {"integer": int}
        assert [
            (member, kinds.get(inner.type_name, str)) for member, inner in shape.members.items()
        ] == list(ERROR_MEMBERS[name])


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_the_headers_that_are_filtered_are_the_models(operation: Operation) -> None:
    """The pure filter may not import the model; this holds both tables equal."""
    table = importlib.import_module("sagewire._pure.headers.table")
    wanted = {member.header.lower() for member in operation.inputs if member.header is not None}
    assert table.REQUEST[operation.name] == wanted
    assert table.RESPONSE[operation.name] == {
        member.header.lower() for member in operation.outputs if member.header is not None
    }
