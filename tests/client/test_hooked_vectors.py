"""The recorded cases once more, with an event handler: the long way of a call is as exact."""

from typing import Any

import pytest

from tests.client import test_responses, test_wire


def ignore(**_kwargs: Any) -> None:
    """Hear of everything, and do nothing."""


@pytest.fixture
def hooked(make_client: Any) -> Any:
    """Return what makes a client with a handler, for either driver."""

    def with_handler(*args: Any, **kwargs: Any) -> Any:
        client = make_client(*args, **kwargs)
        client.meta.events.register("before-send", ignore)
        return client

    return with_handler


@pytest.mark.parametrize("case", test_wire.parameters())
def test_a_recorded_call_goes_out_the_same(
    case: Any,
    hooked: Any,
    clean_environment: Any,
    server_tls: Any,
    other_tls: Any,
    ca_path: str,
) -> None:
    test_wire.test_a_recorded_call_goes_out_as_boto3_sent_it(
        case, clean_environment, server_tls, other_tls, ca_path, hooked
    )


@pytest.mark.parametrize("case", test_responses.parameters())
def test_a_recorded_answer_gives_the_same(
    case: Any,
    hooked: Any,
    clean_environment: Any,
    server_tls: Any,
    ca_path: str,
) -> None:
    test_responses.test_a_recorded_answer_gives_what_boto3_gave(
        case, clean_environment, server_tls, ca_path, hooked
    )
