"""Signed event-stream messages: the chain, the frame, and what is refused."""

import hashlib
import hmac
import struct
import threading
import zlib
from datetime import datetime, timedelta, timezone

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Credentials, Signer

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SECRET, REGION, SERVICE = "wJalrXUtnFEMI", "us-west-2", "sagemaker"
SIGNER = Signer(Credentials("AKID", SECRET), region=REGION, service=SERVICE)
SEED = hashlib.sha256(b"seed").hexdigest()


def signature(prior, payload, at):
    """Compute an event's signature from the rules alone."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    second = (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    date = b"\x05:date\x08" + struct.pack(">q", second * 1000)
    key = b"AWS4" + SECRET.encode()
    for step in (stamp[:8], REGION, SERVICE, "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256-PAYLOAD",
            stamp,
            f"{stamp[:8]}/{REGION}/{SERVICE}/aws4_request",
            prior,
            hashlib.sha256(date).hexdigest(),
            hashlib.sha256(payload).hexdigest(),
        ]
    )
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def frame(prior, payload, at):
    """Write the message that carries an event's signature."""
    second = (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1)
    headers = b"\x05:date\x08" + struct.pack(">q", second * 1000)
    headers += b"\x10:chunk-signature\x06\x00\x20" + signature(prior, payload, at)
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


times = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(timezone.utc),
)


@given(events=st.lists(st.tuples(st.binary(max_size=200), times), max_size=5))
def test_chain(events):
    chain, prior = SIGNER.event_signer(SEED), SEED
    for payload, at in events:
        assert chain.prior_signature == prior
        assert chain.sign(payload, at=at) == frame(prior, payload, at)
        prior = signature(prior, payload, at).hex()
    assert chain.prior_signature == prior


def test_botocore_decodes_it():
    payload = b"\0" * 5000
    chain, buffer = SIGNER.event_signer(SEED), EventStreamBuffer()
    buffer.add_data(chain.sign(payload, at=AT) + chain.sign(b"", at=AT))
    first, last = list(buffer)
    assert first.payload == payload
    assert last.payload == b""
    wanted = signature(SEED, payload, AT)
    assert first.headers[":chunk-signature"] == wanted
    assert last.headers[":chunk-signature"] == signature(wanted.hex(), b"", AT)
    assert first.headers[":date"] == int(AT.timestamp()) * 1000
    assert list(first.headers) == [":date", ":chunk-signature"]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_payloads(kind):
    assert SIGNER.event_signer(SEED).sign(kind(b"abc"), at=AT) == frame(SEED, b"abc", AT)


def test_across_midnight():
    midnight = datetime(2026, 1, 2, tzinfo=timezone.utc)
    chain, prior = SIGNER.event_signer(SEED), SEED
    for at in (midnight - timedelta(seconds=1), midnight):
        assert chain.sign(b"x", at=at) == frame(prior, b"x", at)
        prior = signature(prior, b"x", at).hex()


def test_chains_are_apart():
    one, other = SIGNER.event_signer(SEED), SIGNER.event_signer(SEED)
    one.sign(b"x", at=AT)
    assert other.prior_signature == SEED


def test_threads_make_one_chain():
    chain, made = SIGNER.event_signer(SEED), []
    barrier = threading.Barrier(16)

    def work():
        barrier.wait()
        made.extend(chain.sign(b"same", at=AT) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    prior, wanted = SEED, set()
    for _ in range(320):
        wanted.add(frame(prior, b"same", AT))
        prior = signature(prior, b"same", AT).hex()
    assert set(made) == wanted
    assert chain.prior_signature == prior


@pytest.mark.parametrize(
    "seed", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 63 + "\n", "é" * 64]
)
def test_seeds(seed):
    with pytest.raises(InvalidArgumentError) as raised:
        SIGNER.event_signer(seed)
    assert str(raised.value) == (
        "seed_signature: it is not a signature; allowed: 64 lower-case hexadecimal digits"
    )


def test_wrong_types():
    with pytest.raises(TypeError) as raised:
        SIGNER.event_signer(b"0" * 64)
    assert str(raised.value) == "seed_signature must be str, not bytes"
    for payload, kind in (("text", "str"), (5, "int"), (None, "NoneType")):
        with pytest.raises(TypeError) as raised:
            SIGNER.event_signer(SEED).sign(payload)
        assert str(raised.value) == f"payload must be bytes-like, not {kind}"


def test_a_payload_too_large_leaves_the_chain_as_it_is():
    chain = SIGNER.event_signer(SEED)
    with pytest.raises(InvalidArgumentError) as raised:
        chain.sign(bytes(25_165_825), at=AT)
    assert str(raised.value) == ("payload: it has 25165825 bytes; allowed: at most 25165824 bytes")
    assert chain.prior_signature == SEED
    assert len(chain.sign(bytes(25_165_824), at=AT)) == 25_165_824 + 83


def test_a_seed_with_a_lone_surrogate():
    with pytest.raises(InvalidArgumentError) as raised:
        SIGNER.event_signer("\ud800")
    assert str(raised.value) == (
        "seed_signature: it has a lone surrogate; allowed: text that can be written as UTF-8"
    )
