"""Credentials of other libraries' sessions: whose they are, when they refresh, who waits."""

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import DeferredRefreshableCredentials, RefreshableCredentials

import sagewire
from sagewire.credentials.session import FromSession
from sagewire.exceptions import NoCredentialsError


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class Giver:
    """What botocore refreshes with: counts, and waits or fails when told to."""

    def __init__(self) -> None:
        self.times = 0
        self.seconds = 3600
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def __call__(self) -> dict[str, str]:
        self.times += 1
        assert self.open.wait(20)
        if self.error is not None:
            raise self.error
        end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=self.seconds)
        return {
            "access_key": f"AKID{self.times}",
            "secret_key": "s",
            "token": "t",
            "expiry_time": end.isoformat(),
        }


def lasting(giver: Giver, minutes: float) -> RefreshableCredentials:
    end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=minutes)
    return RefreshableCredentials("AKIDOLD", "s", "t", end, giver, "test")


def test_credentials_that_last_are_the_sessions_own() -> None:
    session = boto3.Session("AKID", "secret", "token", region_name="eu-west-1")
    client = sagewire.client(session=session)
    source = client._settings.source
    assert client.meta.region_name == "eu-west-1"
    assert (source.method, source.features) == ("explicit", ("e",))
    assert source.at_hand() is source.current()
    assert source.current().token == "token"
    assert "secret" not in repr(source)


def test_a_session_without_credentials_fails_at_the_call() -> None:
    source = sagewire.client(session=botocore.session.Session(), region_name="r")._settings.source
    assert source.at_hand() is None
    with pytest.raises(NoCredentialsError):
        source.current()


def test_no_call_waits_while_a_sessions_credentials_are_valid() -> None:
    giver = Giver()
    source = FromSession(lasting(giver, 12))
    giver.open.clear()
    for _ in range(50):
        assert source.current().access_key_id == "AKIDOLD"
    until(lambda: giver.times == 1)
    giver.open.set()
    until(lambda: source.current().access_key_id == "AKID1")
    assert giver.times == 1


def test_a_failure_ahead_of_time_is_not_repeated_with_every_call() -> None:
    giver = Giver()
    giver.error = ValueError("away")
    source = FromSession(lasting(giver, 12))
    for _ in range(50):
        assert source.current().access_key_id == "AKIDOLD"
        until(lambda: not source._lock.own().locked())
    assert giver.times == 1


def test_calls_wait_for_one_refresh_when_there_is_no_time_left() -> None:
    giver = Giver()
    source = FromSession(lasting(giver, 5))
    giver.open.clear()
    assert source.at_hand() is None
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(source.current().access_key_id))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    until(lambda: giver.times == 1)
    giver.open.set()
    for thread in threads:
        thread.join(20)
    assert found == ["AKID1"] * 16
    assert giver.times == 1


def test_what_another_client_refreshed_is_seen() -> None:
    giver = Giver()
    theirs = DeferredRefreshableCredentials(giver, "test")
    source = FromSession(theirs)
    assert source.at_hand() is None
    assert source.current().access_key_id == "AKID1"
    theirs._set_from_data(giver())
    theirs._publish_refresh()
    assert source.at_hand().access_key_id == "AKID2"
    assert source.current().access_key_id == "AKID2"


class AwaitedCredentials(RefreshableCredentials):
    """As aiobotocore's: the same object, whose question is to be awaited."""

    async def get_frozen_credentials(self) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().get_frozen_credentials()


class AwaitedSession(botocore.session.Session):
    giver = Giver()

    async def get_credentials(self) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        end = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=5)
        return AwaitedCredentials("AKIDOLD", "s", "t", end, self.giver, "test")


def test_an_asyncio_session_gives_its_credentials_to_any_thread() -> None:
    source = sagewire.client(session=AwaitedSession(), region_name="us-east-1")._settings.source
    assert source.at_hand() is None
    assert source.current().access_key_id == "AKID1"
    assert source.at_hand() is source.current()


def test_an_asyncio_session_gives_its_credentials_inside_a_running_loop() -> None:
    async def inside() -> str:
        client = sagewire.client(session=AwaitedSession(), region_name="us-east-1")
        key: str = client._settings.source.current().access_key_id
        return key

    AwaitedSession.giver = Giver()
    assert asyncio.run(inside()) == "AKID1"
