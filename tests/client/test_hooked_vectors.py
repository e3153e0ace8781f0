"""The recorded cases once more, with an event handler: the long way of a call is as exact."""

from typing import Any

import pytest

import sagewire
from tests.client import test_responses, test_wire


def ignore(**_kwargs: Any) -> None:
    """Hear of everything, and do nothing."""


@pytest.fixture
def hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    original = sagewire.client

    def with_handler(*args: Any, **kwargs: Any) -> Any:
        client = original(*args, **kwargs)
        client.meta.events.register("before-send", ignore)
        return client

    monkeypatch.setattr(sagewire, "client", with_handler)


@pytest.mark.parametrize("case", test_wire.parameters())
def test_a_recorded_call_goes_out_the_same(
    case: Any,
    hooked: None,
    clean_environment: Any,
    server_tls: Any,
    other_tls: Any,
    ca_path: str,
) -> None:
    test_wire.test_a_recorded_call_goes_out_as_boto3_sent_it(
        case, clean_environment, server_tls, other_tls, ca_path
    )


@pytest.mark.parametrize("case", test_responses.parameters())
def test_a_recorded_answer_gives_the_same(
    case: Any, hooked: None, clean_environment: Any, server_tls: Any, ca_path: str
) -> None:
    test_responses.test_a_recorded_answer_gives_what_boto3_gave(
        case, clean_environment, server_tls, ca_path
    )
