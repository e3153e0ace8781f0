"""Our exceptions: boto3's words and bases, picklable, and caught by botocore's names."""

import inspect
import pickle
import subprocess
import sys
import textwrap

import botocore.exceptions
import pytest

import sagewire
from sagewire import credential_exceptions, exceptions

FIELDS = {
    "source_profile": "p",
    "visited_profiles": ["p"],
    "endpoint": "http://h",
    "sts_regional_endpoints_config": "x",
    "endpoint_url": "http://h/p",
    "error": "e",
    "proxy_url": "http://p",
    "seconds": 1.5,
    "stage": "connecting",
    "actual_bytes": 1,
    "expected_bytes": 2,
    "stream_object": "s",
    "report": "r",
    "service_name": "s3",
    "known_service_names": "sagemaker-runtime",
    "data_path": "d",
    "operation_name": "o",
    "method_name": "m",
    "region_name": "r",
    "msg": "m",
    "tags": ["fips"],
    "error_msg": "m",
    "retry_config_option": "o",
    "valid_options": ("a",),
    "provided_max_attempts": -1,
    "min_value": 0,
    "provided_retry_mode": "x",
    "valid_modes": ("a",),
    "mode": "x",
    "config_key": "k",
    "config_value": "v",
    "profile": "p",
    "path": "f",
    "signature_version": "v9",
    "provider": "env",
    "cred_var": "X",
    "found": "f",
    "source": "s",
}
CLASSES = [
    cls
    for module in (exceptions, credential_exceptions)
    for _, cls in inspect.getmembers(module, inspect.isclass)
    if issubclass(cls, exceptions.BotoCoreError) and cls.__module__ == module.__name__
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_words_and_bases_are_botocores(cls: type) -> None:
    error = cls(**FIELDS)
    theirs = getattr(botocore.exceptions, cls.__name__, None)
    if theirs is not None:
        assert str(error) == str(theirs(**FIELDS))
        assert isinstance(error, theirs)
        for base in theirs.__mro__:
            known = getattr(exceptions, base.__name__, None)
            if base.__module__ == "botocore.exceptions" and isinstance(known, type):
                assert issubclass(cls, known) or base.__name__ == "ValidationError"
    assert isinstance(error, cls)
    assert type(error).__name__ == cls.__name__
    assert error.kwargs == FIELDS


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_errors_pickle(cls: type) -> None:
    error = pickle.loads(pickle.dumps(cls(**FIELDS)))
    assert isinstance(error, cls)
    assert str(error) == str(cls(**FIELDS))


def test_service_errors_pickle_with_their_answer() -> None:
    answer = {
        "Error": {"Code": "ModelError", "Message": "m"},
        "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 424},
        "OriginalStatusCode": 400,
        "OriginalMessage": "bad",
        "LogStreamArn": "arn",
    }
    error = pickle.loads(pickle.dumps(exceptions.ModelError(answer, "InvokeEndpoint")))
    assert isinstance(error, exceptions.ModelError)
    assert isinstance(error, botocore.exceptions.ClientError)
    assert error.response == answer
    assert (error.request_id, error.original_status_code) == ("r", 400)
    assert (error.original_message, error.log_stream_arn) == ("bad", "arn")


def test_botocores_names_catch_ours_only_when_botocore_is_there() -> None:
    program = """
        import sys
        import sagewire.exceptions as ours
        before = ours.EndpointConnectionError(endpoint_url="u")
        assert "botocore" not in sys.modules
        assert type(before) is ours.EndpointConnectionError
        import botocore.exceptions as theirs
        try:
            raise ours.EndpointConnectionError(endpoint_url="u")
        except theirs.ConnectionError as error:
            assert isinstance(error, theirs.EndpointConnectionError)
        try:
            raise ours.ModelError({"Error": {"Code": "ModelError"}}, "InvokeEndpoint")
        except theirs.ClientError as error:
            assert isinstance(error, ours.ModelError)
        try:
            raise ours.MissingCredentialFieldError(provider="p", error_msg="m")
        except theirs.CredentialRetrievalError:
            pass
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_the_exceptions_of_credential_sources_have_their_names_here_too() -> None:
    for name in credential_exceptions.NAMES:
        assert getattr(exceptions, name) is getattr(credential_exceptions, name)
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        exceptions.Nope  # noqa: B018 - the look-up is the test


def test_a_clients_exceptions_are_the_modules(clean_environment: pytest.MonkeyPatch) -> None:
    client = sagewire.client(region_name="us-east-1")
    assert client.exceptions.ModelError is exceptions.ModelError
    assert client.exceptions.ClientError is exceptions.ClientError
    assert client.exceptions.from_code("ServiceUnavailable") is exceptions.ServiceUnavailable
    assert client.exceptions.from_code("Nope") is exceptions.ClientError
    with pytest.raises(AttributeError) as raised:
        client.exceptions.Nope  # noqa: B018 - the look-up is the test
    assert str(raised.value).endswith(
        "object has no attribute Nope. Valid exceptions are: InternalDependencyException, "
        "InternalFailure, InternalStreamFailure, ModelError, ModelNotReadyException, "
        "ModelStreamError, ServiceUnavailable, ValidationError"
    )
