"""The signing key is kept for a day, and is always that of the request's own day."""

import hashlib
import hmac
import threading
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from sagewire.sigv4 import Credentials, Signer, Verifier

URL = "https://example.com/"
MIDNIGHT = datetime(2026, 1, 2, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def derived(secret, stamp, region, service):
    key = b"AWS4" + secret.encode()
    for step in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key


def independent(signer, secret, at, region="us-east-1", service="sagemaker"):
    """Compute the signature of a string to sign in this test."""
    text = signer.string_to_sign("POST", URL, at=at)
    key = derived(secret, at.strftime("%Y%m%d"), region, service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signature(signer, at):
    return signer.sign("POST", URL, at=at)[-1][1].partition("Signature=")[2]


def test_across_midnight():
    signer = Signer(Credentials("A", "secret"), region="us-east-1", service="sagemaker")
    for at in (MIDNIGHT - SECOND, MIDNIGHT, MIDNIGHT - SECOND, MIDNIGHT + 365 * timedelta(1)):
        assert signature(signer, at) == independent(signer, "secret", at)


days = st.datetimes(datetime(2000, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001


@given(
    secret=st.text(), region=st.sampled_from(["us-east-1", "x"]), times=st.lists(days, max_size=5)
)
def test_any_order_of_days(secret, region, times):
    try:
        secret.encode()
    except UnicodeEncodeError:
        return
    signer = Signer(Credentials("A", secret), region=region, service="s")
    for at in times + times[::-1]:
        assert signature(signer, at) == independent(signer, secret, at, region, "s")


def in_threads(count, work):
    """Run `work(number)` in threads that begin at once; return what they return."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_sixteen_threads_around_midnight():
    signer = Signer(Credentials("A", "secret"), region="us-east-1", service="sagemaker")
    fresh = Signer(Credentials("A", "secret"), region="us-east-1", service="sagemaker")
    times = [MIDNIGHT + day * timedelta(1) - tick * SECOND for day in range(3) for tick in (0, 1)]
    wanted = {at: signature(fresh, at) for at in times}

    def work(number):
        mine = times[number % len(times) :] + times[: number % len(times)]
        return [(at, signature(signer, at)) for _ in range(100) for at in mine]

    for results in in_threads(16, work):
        assert all(found == wanted[at] for at, found in results)


def test_sixteen_threads_verify_across_midnight_while_keys_are_replaced():
    """A key that is rotated under its old id: each request is checked with the key of its time."""
    old, new = Credentials("A", "old"), Credentials("A", "new")
    known = threading.local()
    scope = {"region": "us-east-1", "service": "sagemaker"}
    verifier = Verifier(lambda _: known.credentials, **scope)
    host = [("Host", "example.com")]
    signed = {
        (credentials, at): host + Signer(credentials, **scope).sign("POST", URL, host, at=at)
        for credentials in (old, new)
        for at in (MIDNIGHT - SECOND, MIDNIGHT)
    }

    def work(number):
        known.credentials = (old, new)[number % 2]
        mine = [(at, pairs) for (owner, at), pairs in signed.items() if owner == known.credentials]
        for _ in range(100):
            for at, pairs in mine:
                assert verifier.verify("POST", "/", pairs, at=at).signed_at == at
        return True

    assert in_threads(16, work) == [True] * 16


def test_a_new_secret_under_the_same_id_ends_the_old_one():
    scope = {"region": "us-east-1", "service": "sagemaker"}
    keys = {"A": Credentials("A", "old")}
    verifier = Verifier(keys, **scope)
    host = [("Host", "example.com")]
    by_old = host + Signer(keys["A"], **scope).sign("POST", URL, host, at=MIDNIGHT)
    assert verifier.explain("POST", "/", by_old, at=MIDNIGHT).difference is None
    keys["A"] = Credentials("A", "new")
    assert verifier.explain("POST", "/", by_old, at=MIDNIGHT).difference is not None
    by_new = host + Signer(keys["A"], **scope).sign("POST", URL, host, at=MIDNIGHT)
    assert verifier.explain("POST", "/", by_new, at=MIDNIGHT).difference is None


def test_more_keys_than_are_kept():
    scope = {"region": "us-east-1", "service": "sagemaker"}
    verifier = Verifier(lambda key: Credentials(key, f"secret of {key}"), **scope)
    host = [("Host", "example.com")]
    for number in [*range(1030), 0, 1029]:
        signer = Signer(Credentials(f"K{number}", f"secret of K{number}"), **scope)
        signed = host + signer.sign("POST", URL, host, at=MIDNIGHT)
        identity = verifier.verify("POST", "/", signed, at=MIDNIGHT)
        assert identity.access_key_id == f"K{number}"
