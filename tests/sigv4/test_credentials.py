"""`Credentials`, and every other value of `sagewire.sigv4`: frozen, comparable, without secrets."""

import copy
import pickle
import traceback
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Credentials, Explanation, Identity, SignatureError, Signer, Verifier

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SECRET, TOKEN = "wJalrXUtnFEMI-very-secret", "AQoDYXdzEPT-also-secret"
CREDENTIALS = Credentials("AKIDEXAMPLE", SECRET, TOKEN, AT)
IDENTITY = Identity("AKID", ("host",), AT, "20260102/us-east-1/sagemaker/aws4_request")
EXPLANATION = Explanation("canonical", "to sign", None)
VALUES = [CREDENTIALS, IDENTITY, EXPLANATION]
SCOPE = {"region": "us-east-1", "service": "sagemaker"}
URL = "https://example.com/"


def test_fields():
    assert CREDENTIALS.access_key_id == "AKIDEXAMPLE"
    assert CREDENTIALS.secret_access_key == SECRET
    assert CREDENTIALS.token == TOKEN
    assert CREDENTIALS.expires_at == AT
    assert Credentials("a", "b").token is None
    assert Credentials("a", "b").expires_at is None


def test_repr():
    assert repr(CREDENTIALS) == (
        "Credentials(access_key_id='AKIDEXAMPLE', secret_access_key=<hidden>, token=<hidden>)"
    )
    assert repr(Credentials("a", "b")) == (
        "Credentials(access_key_id='a', secret_access_key=<hidden>)"
    )
    assert repr(Credentials("a", "b", "")) == repr(Credentials("a", "b"))
    assert repr(EXPLANATION) == (
        "Explanation(canonical_request='canonical', string_to_sign='to sign', difference=None)"
    )


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
class TestValue:
    def test_survives_copies(self, value):
        for same in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert same == value
            assert hash(same) == hash(value)
            assert type(same) is type(value)

    def test_is_frozen(self, value):
        name = value.__slots__[0]
        with pytest.raises(AttributeError) as raised:
            setattr(value, name, "other")
        assert str(raised.value) == f"{type(value).__name__}.{name} cannot be changed"
        with pytest.raises(AttributeError) as raised:
            delattr(value, name)
        assert str(raised.value) == f"{type(value).__name__}.{name} cannot be deleted"
        with pytest.raises(AttributeError):
            value.something_else = 1
        assert not hasattr(value, "__dict__")

    def test_equals_its_own_kind_only(self, value):
        assert value != value._values()
        assert value != object()


@pytest.mark.parametrize(
    "other",
    [
        Credentials("other", SECRET, TOKEN, AT),
        Credentials("AKIDEXAMPLE", "other", TOKEN, AT),
        Credentials("AKIDEXAMPLE", SECRET, None, AT),
        Credentials("AKIDEXAMPLE", SECRET, TOKEN),
    ],
)
def test_inequality(other):
    assert other != CREDENTIALS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, "s"), "access_key_id must be str, not int"),
        ((None, "s"), "access_key_id must be str, not NoneType"),
        (("a", b"s"), "secret_access_key must be str, not bytes"),
        (("a", "s", b"t"), "token must be str, not bytes"),
        (("a", "s", None, 5), "expires_at must be an aware datetime, not int"),
    ],
)
def test_wrong_types(arguments, message):
    with pytest.raises(TypeError) as raised:
        Credentials(*arguments)
    assert str(raised.value) == message


def test_naive_expiry():
    moment = AT.replace(tzinfo=None)
    with pytest.raises(InvalidArgumentError) as raised:
        Credentials("a", "s", None, moment)
    assert str(raised.value) == (
        f"expires_at: {moment!r} has no time zone; "
        "allowed: an aware datetime, such as datetime.now(timezone.utc)"
    )


@pytest.mark.parametrize(
    ("place", "name"), [(0, "access_key_id"), (1, "secret_access_key"), (2, "token")]
)
def test_lone_surrogates(place, name):
    arguments = ["a", "s", "t"]
    arguments[place] = "hush\ud800"
    with pytest.raises(InvalidArgumentError) as raised:
        Credentials(*arguments)
    assert str(raised.value) == (
        f"{name}: it has a lone surrogate; allowed: text that can be written as UTF-8"
    )


def printed(error):
    """Everything of an exception that a log could hold, arguments and causes included."""
    seen = ["".join(traceback.format_exception(error))]
    while error is not None:
        seen += [str(error), repr(error), repr(error.args), repr(vars(error))]
        seen.append(repr(getattr(error, "object", None)))
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def assert_hidden(text, secrets=(SECRET, TOKEN)):
    for secret in secrets:
        assert secret not in text


def test_nothing_prints_a_secret():
    signer = Signer(CREDENTIALS, **SCOPE)
    verifier = Verifier({"AKIDEXAMPLE": CREDENTIALS}, **SCOPE)
    events = signer.event_signer("0" * 64)
    for value in (CREDENTIALS, signer, signer._twin, verifier, verifier._twin, events):
        assert_hidden(f"{value!r} {value!s} {value}")
    assert repr(signer) == f"Signer({CREDENTIALS!r}, region='us-east-1', service='sagemaker')"


@pytest.mark.parametrize(
    "fails",
    [
        lambda signer: signer.sign(5, URL),
        lambda signer: signer.sign("POST", 5),
        lambda signer: signer.sign("POST", "\ud800"),
        lambda signer: signer.sign("POST", "nowhere"),
        lambda signer: signer.sign("POST", URL, [("A", "x\ny")]),
        lambda signer: signer.sign("POST", URL, [("X-Amz-Security-Token", TOKEN)]),
        lambda signer: signer.sign("POST", URL, [("Authorization", f"{TOKEN}\ud800")]),
        lambda signer: signer.presign("POST", URL, expires_in=0),
        lambda signer: signer.event_signer("x"),
        lambda signer: Signer(signer._credentials, region="a/b", service="s"),
        lambda _: Signer(Credentials("A", SECRET, f"{TOKEN}\r\nX: y"), **SCOPE),
        lambda _: Credentials("A", SECRET, f"{TOKEN}\ud800"),
        lambda _: Credentials("A", f"{SECRET}\ud800", TOKEN),
        lambda _: Credentials(SECRET.encode(), SECRET, TOKEN),
    ],
)
def test_no_error_shows_a_secret(fails):
    with pytest.raises((TypeError, InvalidArgumentError)) as raised:
        fails(Signer(CREDENTIALS, **SCOPE))
    assert_hidden(printed(raised.value))


def test_no_refusal_shows_a_secret():
    signer = Signer(CREDENTIALS, **SCOPE)
    host = [("Host", "example.com")]
    signed = host + signer.sign("POST", URL, host, at=AT)
    known = Credentials("AKIDEXAMPLE", "the-right-secret", TOKEN)
    other = Credentials("AKIDEXAMPLE", SECRET, "the-right-token")
    for credentials in (known, other, CREDENTIALS):
        verifier = Verifier({"AKIDEXAMPLE": credentials}, **SCOPE)
        with pytest.raises(SignatureError) as raised:
            verifier.verify("POST", "/", signed, at=AT)
        secrets = (SECRET, TOKEN, "the-right-secret", "the-right-token")
        assert_hidden(printed(raised.value), secrets)
        assert_hidden(repr(verifier.explain("POST", "/", signed, at=AT)), secrets)


@given(secret=st.text(st.characters(codec="utf-8"), min_size=1))
def test_the_repr_is_the_same_for_every_secret(secret):
    assert repr(Credentials("A", secret, secret)) == repr(Credentials("A", "x", "y"))
