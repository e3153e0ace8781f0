"""Which headers the API supports, per operation and direction.

Twin: rust/core/src/headers/table.rs.

Source: the API model of SageMaker Runtime (2017-05-13), every member whose location is `header`.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html

Names are lower case. `tests/headers/test_table.py` holds both tables equal to botocore's model.
"""

REQUEST = {
    "InvokeEndpoint": frozenset(
        (
            "accept",
            "content-type",
            "x-amzn-sagemaker-custom-attributes",
            "x-amzn-sagemaker-enable-explanations",
            "x-amzn-sagemaker-inference-component",
            "x-amzn-sagemaker-inference-id",
            "x-amzn-sagemaker-prefix-aware-id",
            "x-amzn-sagemaker-session-id",
            "x-amzn-sagemaker-target-container-hostname",
            "x-amzn-sagemaker-target-model",
            "x-amzn-sagemaker-target-variant",
        )
    ),
    "InvokeEndpointAsync": frozenset(
        (
            "x-amzn-sagemaker-accept",
            "x-amzn-sagemaker-content-type",
            "x-amzn-sagemaker-custom-attributes",
            "x-amzn-sagemaker-filename",
            "x-amzn-sagemaker-inference-id",
            "x-amzn-sagemaker-inputlocation",
            "x-amzn-sagemaker-invocationtimeoutseconds",
            "x-amzn-sagemaker-requestttlseconds",
            "x-amzn-sagemaker-s3outputpathextension",
        )
    ),
    "InvokeEndpointWithResponseStream": frozenset(
        (
            "content-type",
            "x-amzn-sagemaker-accept",
            "x-amzn-sagemaker-custom-attributes",
            "x-amzn-sagemaker-inference-component",
            "x-amzn-sagemaker-inference-id",
            "x-amzn-sagemaker-prefix-aware-id",
            "x-amzn-sagemaker-session-id",
            "x-amzn-sagemaker-target-container-hostname",
            "x-amzn-sagemaker-target-variant",
        )
    ),
}

RESPONSE = {
    "InvokeEndpoint": frozenset(
        (
            "content-type",
            "x-amzn-invoked-production-variant",
            "x-amzn-sagemaker-closed-session-id",
            "x-amzn-sagemaker-custom-attributes",
            "x-amzn-sagemaker-new-session-id",
        )
    ),
    "InvokeEndpointAsync": frozenset(
        (
            "x-amzn-sagemaker-failurelocation",
            "x-amzn-sagemaker-outputlocation",
        )
    ),
    "InvokeEndpointWithResponseStream": frozenset(
        (
            "x-amzn-invoked-production-variant",
            "x-amzn-sagemaker-content-type",
            "x-amzn-sagemaker-custom-attributes",
        )
    ),
}
