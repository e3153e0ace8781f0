//! Which headers the API supports. Twin: `_pure/headers/table.py`.
//!
//! Source: the API model of SageMaker Runtime (2017-05-13), every member whose location is
//! `header`. Names are lower case. `tests/headers/test_table.py` holds both tables equal to
//! botocore's model.

/// An operation of SageMaker Runtime, named as in the API model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// One answer, now.
    InvokeEndpoint,
    /// One answer, later, in S3.
    InvokeEndpointAsync,
    /// An answer in parts.
    InvokeEndpointWithResponseStream,
}

impl Operation {
    /// Every operation, in the model's order.
    pub const ALL: [Self; 3] =
        [Self::InvokeEndpoint, Self::InvokeEndpointAsync, Self::InvokeEndpointWithResponseStream];

    /// The operation of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// The name in the API model.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvokeEndpoint => "InvokeEndpoint",
            Self::InvokeEndpointAsync => "InvokeEndpointAsync",
            Self::InvokeEndpointWithResponseStream => "InvokeEndpointWithResponseStream",
        }
    }

    /// Whether a request may carry this header; the name's case does not matter.
    pub fn supports_in_request(self, name: &[u8]) -> bool {
        names(self.request(), name)
    }

    /// Whether a response may carry this header; the name's case does not matter.
    pub fn supports_in_response(self, name: &[u8]) -> bool {
        names(self.response(), name)
    }

    const fn request(self) -> &'static [&'static str] {
        match self {
            Self::InvokeEndpoint => &[
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
            ],
            Self::InvokeEndpointAsync => &[
                "x-amzn-sagemaker-accept",
                "x-amzn-sagemaker-content-type",
                "x-amzn-sagemaker-custom-attributes",
                "x-amzn-sagemaker-filename",
                "x-amzn-sagemaker-inference-id",
                "x-amzn-sagemaker-inputlocation",
                "x-amzn-sagemaker-invocationtimeoutseconds",
                "x-amzn-sagemaker-requestttlseconds",
                "x-amzn-sagemaker-s3outputpathextension",
            ],
            Self::InvokeEndpointWithResponseStream => &[
                "content-type",
                "x-amzn-sagemaker-accept",
                "x-amzn-sagemaker-custom-attributes",
                "x-amzn-sagemaker-inference-component",
                "x-amzn-sagemaker-inference-id",
                "x-amzn-sagemaker-prefix-aware-id",
                "x-amzn-sagemaker-session-id",
                "x-amzn-sagemaker-target-container-hostname",
                "x-amzn-sagemaker-target-variant",
            ],
        }
    }

    const fn response(self) -> &'static [&'static str] {
        match self {
            Self::InvokeEndpoint => &[
                "content-type",
                "x-amzn-invoked-production-variant",
                "x-amzn-sagemaker-closed-session-id",
                "x-amzn-sagemaker-custom-attributes",
                "x-amzn-sagemaker-new-session-id",
            ],
            Self::InvokeEndpointAsync => {
                &["x-amzn-sagemaker-failurelocation", "x-amzn-sagemaker-outputlocation"]
            }
            Self::InvokeEndpointWithResponseStream => &[
                "x-amzn-invoked-production-variant",
                "x-amzn-sagemaker-content-type",
                "x-amzn-sagemaker-custom-attributes",
            ],
        }
    }
}

/// A list of eleven is searched faster than it is hashed: the length alone rules out most.
fn names(supported: &[&str], name: &[u8]) -> bool {
    supported.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}
