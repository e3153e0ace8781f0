"""The tables of supported headers equal the API model that botocore ships."""

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from sagewire.headers import filter_request, filter_response

MODEL = ServiceModel(Loader().load_service_model("sagemaker-runtime", "service-2"))


def header_members(shape):
    return {
        member.serialization["name"].lower()
        for member in shape.members.values()
        if member.serialization.get("location") == "header"
    }


EVERY = sorted(
    set().union(
        *(
            header_members(shape)
            for name in MODEL.operation_names
            for shape in (
                MODEL.operation_model(name).input_shape,
                MODEL.operation_model(name).output_shape,
            )
        )
    )
)


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_equal_to_the_model(operation):
    shapes = MODEL.operation_model(operation)
    for function, shape in (
        (filter_request, shapes.input_shape),
        (filter_response, shapes.output_shape),
    ):
        passed = {name for name, _ in function(dict.fromkeys(EVERY, "x"), operation)}
        assert passed == header_members(shape)
