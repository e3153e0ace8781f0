"""Temporary credentials: when they are refreshed, by whom, and what a failure does."""

import datetime as dt
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sagewire.credentials.refreshing import Refreshing
from sagewire.credentials.sources import Absent, Fixed, FromCallable, Later
from sagewire.exceptions import CredentialRetrievalError, NoCredentialsError
from sagewire.sigv4 import Credentials

MINUTE = 60


def lasting(clock: Any, seconds: float, key: str) -> Credentials:
    end = dt.datetime.fromtimestamp(clock.time + seconds, dt.timezone.utc)
    return Credentials(key, "secret", "token", end)


class Giver:
    """Gives out credentials that last an hour; counts, waits or fails when told to."""

    def __init__(self, clock: Any, seconds: float = 3600) -> None:
        self.clock = clock
        self.seconds = seconds
        self.times = 0
        self.threads: list[threading.Thread] = []
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def __call__(self) -> Credentials:
        self.times += 1
        self.threads.append(threading.current_thread())
        assert self.open.wait(20)
        if self.error is not None:
            raise self.error
        return lasting(self.clock, self.seconds, f"AKID{self.times}")


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def made(clock: Any, left: float) -> tuple[Refreshing, Giver]:
    giver = Giver(clock)
    return Refreshing(giver, "test", ("z",), lasting(clock, left, "AKIDOLD")), giver


@pytest.mark.parametrize(
    ("left", "key", "times"),
    [
        (15 * MINUTE, "AKIDOLD", 0),
        (15 * MINUTE - 0.001, "AKIDOLD", 1),
        (10 * MINUTE, "AKIDOLD", 1),
        (10 * MINUTE - 0.001, "AKID1", 1),
        (-1, "AKID1", 1),
    ],
)
def test_the_windows_are_botos(moved: Any, left: float, key: str, times: int) -> None:
    """Exactly 15 minutes do not refresh; exactly 10 refresh beside the call, less before it."""
    source, giver = made(moved, left)
    assert source.current().access_key_id == key
    until(lambda: giver.times == times)
    until(lambda: not source._lock.own().locked())
    assert source.current().access_key_id == ("AKID1" if times else "AKIDOLD")


def test_a_refresh_ahead_of_time_waits_for_nobody(moved: Any) -> None:
    source, giver = made(moved, 12 * MINUTE)
    giver.open.clear()
    for _ in range(100):
        assert source.current().access_key_id == "AKIDOLD"
        assert source.at_hand().access_key_id == "AKIDOLD"
    until(lambda: giver.times == 1)
    assert giver.threads[0] is not threading.current_thread()
    assert giver.threads[0].daemon
    giver.open.set()
    until(lambda: source.current().access_key_id == "AKID1")
    assert giver.times == 1


@pytest.mark.parametrize("left", [5 * MINUTE, -1, None])
def test_64_threads_wait_for_one_refresh(moved: Any, left: float | None) -> None:
    giver = Giver(moved)
    old = None if left is None else lasting(moved, left, "AKIDOLD")
    source = Refreshing(giver, "test", (), old)
    giver.open.clear()
    found: list[Credentials] = []
    start = threading.Barrier(64)

    def call() -> None:
        start.wait(20)
        found.append(source.current())

    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    until(lambda: giver.times == 1)
    assert source.at_hand() is None
    assert not found
    giver.open.set()
    for thread in threads:
        thread.join(20)
    assert giver.times == 1
    assert [credentials.access_key_id for credentials in found] == ["AKID1"] * 64


def test_the_same_keys_are_the_same_object(moved: Any) -> None:
    source, _ = made(moved, 3600)
    assert source.current() is source.current() is source.at_hand()


def test_a_failure_ahead_of_time_is_logged_and_tried_again_after_a_pause(
    moved: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source, giver = made(moved, 12 * MINUTE)
    giver.error = CredentialRetrievalError(provider="test", error_msg="away")
    with caplog.at_level(logging.WARNING, "sagewire.credentials"):
        for _ in range(50):
            assert source.current().access_key_id == "AKIDOLD"
            until(lambda: not source._lock.own().locked())
    assert giver.times == 1
    assert [record.getMessage() for record in caplog.records] == [
        "Refreshing temporary credentials failed during advisory refresh period."
    ]
    assert "away" in caplog.text
    assert "secret" not in caplog.text
    moved.time += 11
    giver.error = None
    assert source.current().access_key_id == "AKIDOLD"
    until(lambda: source.current().access_key_id == "AKID2")


def test_valid_credentials_outlive_a_failing_refresh(moved: Any) -> None:
    """The deliberate difference: boto3 fails the call, nine minutes before their end."""
    source, giver = made(moved, 9 * MINUTE)
    giver.error = CredentialRetrievalError(provider="test", error_msg="away")
    assert source.current().access_key_id == "AKIDOLD"
    assert giver.times == 1
    assert source.at_hand().access_key_id == "AKIDOLD"  # for the pause
    moved.time += 11
    assert source.at_hand() is None
    assert source.current().access_key_id == "AKIDOLD"
    assert giver.times == 2
    moved.time += 9 * MINUTE
    with pytest.raises(CredentialRetrievalError, match="from test: away"):
        source.current()
    with pytest.raises(CredentialRetrievalError, match="from test: away"):
        source.current()
    giver.error = None
    assert source.current().access_key_id == "AKID5"


def test_refreshed_credentials_that_are_over_are_refused(moved: Any) -> None:
    source, giver = made(moved, -1)
    giver.seconds = -1
    with pytest.raises(RuntimeError) as raised:
        source.current()
    assert str(raised.value) == (
        "Credentials were refreshed, but the refreshed credentials are still expired."
    )


def test_an_answer_without_credentials_has_botos_words(moved: Any) -> None:
    source = Refreshing(lambda: None, "iam-role", (), lasting(moved, -1, "AKIDOLD"))
    with pytest.raises(CredentialRetrievalError) as raised:
        source.current()
    assert str(raised.value) == (
        "Error when retrieving credentials from iam-role: Credential refresh failed, response did "
        "not contain: access_key, secret_key, token, expiry_time"
    )


def test_an_interrupt_of_a_refresh_leaves_the_lock_free(moved: Any) -> None:
    class Interrupted(BaseException):
        pass

    def interrupted() -> Credentials:
        raise Interrupted

    source = Refreshing(interrupted, "test")
    for _ in range(2):
        with pytest.raises(Interrupted):
            source.current()


def test_a_fork_during_a_refresh_does_not_stop_the_child(moved: Any) -> None:
    source, giver = made(moved, 12 * MINUTE)
    giver.open.clear()
    assert source.current().access_key_id == "AKIDOLD"
    until(lambda: giver.times == 1)  # the thread holds the lock, and will not exist in the child
    child = os.fork()
    if child == 0:
        try:
            giver.open.set()
            moved.time += 20 * MINUTE
            os._exit(0 if source.current().access_key_id == "AKID2" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    giver.open.set()
    until(lambda: source.current().access_key_id == "AKID1")


def give() -> Credentials:
    return Credentials("AKIDGIVEN", "secret", "token")


def test_sources_pickle_without_the_credentials_that_they_fetched() -> None:
    source = Refreshing(give, "test", ("z",))
    source.current()
    data = pickle.dumps(source)
    assert b"AKIDGIVEN" not in data
    again = pickle.loads(data)
    assert (again.method, again.features) == ("test", ("z",))
    assert again.at_hand() is None
    assert again.current() == give()
    assert pickle.loads(pickle.dumps(FromCallable(give))).current() == give()
    assert pickle.loads(pickle.dumps(Fixed(give(), "env", ("g",)))).current() == give()
    assert pickle.loads(pickle.dumps(Later(Absent))).at_hand() is None


def test_nothing_is_shown() -> None:
    secret = Credentials("AKID", "s3cr3t", "t0k3n")
    source = Refreshing(give, "test", (), secret)
    for shown in (source, Fixed(secret, "env"), FromCallable(give), Later(Absent)):
        assert "s3cr3t" not in repr(shown)
        assert "t0k3n" not in repr(shown)


def test_a_callable_is_asked_beside_the_calls_in_the_last_quarter(moved: Any) -> None:
    """Its credentials may be short-lived: boto3's windows would refresh them at every call."""
    giver = Giver(moved, seconds=100)
    source = FromCallable(giver)
    assert source.at_hand() is None
    assert source.current().access_key_id == "AKID1"
    moved.time += 75
    assert source.current().access_key_id == "AKID1"
    assert giver.times == 1
    giver.open.clear()
    moved.time += 1
    assert source.current().access_key_id == "AKID1"
    giver.open.set()
    until(lambda: source.current().access_key_id == "AKID2")
    giver.error = ValueError("away")
    moved.time += 99
    assert source.current().access_key_id == "AKID2"
    until(lambda: giver.times == 3 and not source._lock.own().locked())
    moved.time += 2
    with pytest.raises(ValueError, match="away"):
        source.current()


def test_a_later_search_is_made_once_and_again_after_a_failure() -> None:
    found: list[Any] = [CredentialRetrievalError(provider="p", error_msg="m"), Absent()]
    searches = []

    def search() -> Any:
        searches.append(threading.current_thread())
        result = found.pop(0) if found else Fixed(give(), "env", ("g",))
        if isinstance(result, Exception):
            raise result
        return result

    source = Later(search)
    assert source.at_hand() is None
    assert not searches
    with pytest.raises(CredentialRetrievalError):
        source.current()
    with pytest.raises(NoCredentialsError):
        source.current()
    threads = [threading.Thread(target=source.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(searches) == 3
    assert source.at_hand() == give()
    assert (source.method, source.features) == ("env", ("g",))
