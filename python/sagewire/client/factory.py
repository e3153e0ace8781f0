"""`sagewire.client()` and `sagewire.async_client()`: boto3's arguments to a client."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sagewire.client.aio import AsyncSageMakerRuntime
    from sagewire.client.sync import SageMakerRuntime
    from sagewire.config import Config
    from sagewire.sigv4 import Credentials


def client(
    service_name: str = "sagemaker-runtime",
    region_name: "str | None" = None,
    api_version: "str | None" = None,
    use_ssl: bool = True,
    verify: "bool | str | None" = None,
    endpoint_url: "str | None" = None,
    aws_access_key_id: "str | None" = None,
    aws_secret_access_key: "str | None" = None,
    aws_session_token: "str | None" = None,
    config: "Config | Any | None" = None,
    aws_account_id: "str | None" = None,  # noqa: ARG001 - as in boto3, no effect on this service
    *,
    profile_name: "str | None" = None,
    session: "Any | None" = None,
    credentials: "Credentials | Callable[[], Credentials] | None" = None,
) -> "SageMakerRuntime":
    """Return a client for SageMaker Runtime, in place of `boto3.client("sagemaker-runtime", ...)`.

    The positional order is boto3's. `verify` is `False` for no verification of certificates, a path
    to a CA bundle, or `None` for `AWS_CA_BUNDLE` or else the system's roots. `config` is a
    `sagewire.Config` or a `botocore.config.Config`. `profile_name` chooses the profile of the
    shared files. `session` is a boto3, botocore or aiobotocore session, whose credentials
    (refreshed as it does it), region and profile are used. `credentials` is a
    `sagewire.sigv4.Credentials`, or a callable that returns one and is called again ahead of its
    end, by a thread of its own.

    Without `credentials`, `session` or keys, credentials are looked for where boto3 looks: the
    environment, roles, web identities, SSO, the shared files, programs, containers, the instance's
    metadata. Temporary ones are refreshed ahead of their end. Finding none is an error of the first
    call, not of the construction; a source that fails is one of the construction where boto3 asks
    it then (`CredentialRetrievalError`, `InvalidConfigError` and others).

    Raises `NoRegionError` without a region, `InvalidRegionError`, `ValueError` for an endpoint URL
    without a valid host, `ProfileNotFound`, `PartialCredentialsError`, `InvalidConfigError` for a
    setting that is malformed or not supported yet, and `UnknownServiceError` for another service.

    >>> runtime = client("sagemaker-runtime", region_name="eu-west-1")
    >>> runtime.meta.endpoint_url
    'https://runtime.sagemaker.eu-west-1.amazonaws.com'
    """
    from sagewire.client.settings import Settings
    from sagewire.client.sync import SageMakerRuntime

    return SageMakerRuntime(
        Settings(
            service_name=service_name,
            region_name=region_name,
            api_version=api_version,
            use_ssl=use_ssl,
            verify=verify,
            endpoint_url=endpoint_url,
            keys=(aws_access_key_id, aws_secret_access_key, aws_session_token),
            config=config,
            profile_name=profile_name,
            session=session,
            credentials=credentials,
        )
    )


def async_client(
    service_name: str = "sagemaker-runtime",
    region_name: "str | None" = None,
    api_version: "str | None" = None,
    use_ssl: bool = True,
    verify: "bool | str | None" = None,
    endpoint_url: "str | None" = None,
    aws_access_key_id: "str | None" = None,
    aws_secret_access_key: "str | None" = None,
    aws_session_token: "str | None" = None,
    config: "Config | Any | None" = None,
    aws_account_id: "str | None" = None,  # noqa: ARG001 - as in boto3, no effect on this service
    *,
    profile_name: "str | None" = None,
    session: "Any | None" = None,
    credentials: "Credentials | Callable[[], Credentials] | None" = None,
) -> "AsyncSageMakerRuntime":
    """Return a client for asyncio: as `client`, its calls awaited.

    It may be made outside of any loop, and serves the loop that a call runs on, each with
    connections of its own. Nothing here waits: what may (credentials from a process or a service,
    the look-up of names, files) has a thread, and comes with the first call. `session` may be
    aiobotocore's.

    Raises as `client` does; a credential process or service that fails is told by the first call.

    >>> runtime = async_client("sagemaker-runtime", region_name="eu-west-1")
    >>> runtime.meta.endpoint_url
    'https://runtime.sagemaker.eu-west-1.amazonaws.com'
    """
    from sagewire.client.aio import AsyncSageMakerRuntime
    from sagewire.client.settings import Settings

    return AsyncSageMakerRuntime(
        Settings(
            service_name=service_name,
            region_name=region_name,
            api_version=api_version,
            use_ssl=use_ssl,
            verify=verify,
            endpoint_url=endpoint_url,
            keys=(aws_access_key_id, aws_secret_access_key, aws_session_token),
            config=config,
            profile_name=profile_name,
            session=session,
            credentials=credentials,
            search_later=True,
        )
    )
