"""The check on the other side: what is accepted, what is refused, and with which words."""

import hashlib
import string
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sagewire.exceptions import InvalidArgumentError
from sagewire.sigv4 import Credentials, Explanation, Identity, SignatureError, Signer, Verifier

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
SCOPE = {"region": "us-east-1", "service": "sagemaker"}
CREDENTIALS = Credentials("AKID", "SECRET")
TEMPORARY = Credentials("ASIA", "SECRET", "t0k/en+=", AT + timedelta(hours=1))
KEYS = {"AKID": CREDENTIALS, "ASIA": TEMPORARY}
VERIFIER = Verifier(KEYS, **SCOPE)
ORIGIN, TARGET = "https://example.com", "/endpoints/a%20b/invocations?x=1&y"
HEADERS = [("Host", "example.com"), ("Content-Type", "text/csv"), ("X-Amz-Meta", "m")]
BODY = b"1,2,3"
TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
INVALID = ("InvalidSignatureException", 403)
INCOMPLETE = ("IncompleteSignatureException", 400)
MISSING = ("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
UNRECOGNIZED = (
    "UnrecognizedClientException",
    403,
    "The security token included in the request is invalid.",
)
EXPIRED = ("ExpiredTokenException", 403, "The security token included in the request is expired")


def in_header(credentials=CREDENTIALS, headers=HEADERS, body=BODY, at=AT, **scope):
    """Return a request signed in its header: method, target, headers, body."""
    signer = Signer(credentials, **{**SCOPE, **scope})
    signed = [*headers, *signer.sign("POST", ORIGIN + TARGET, headers, body, at=at)]
    return ["POST", TARGET, signed, body]


def in_query(credentials=CREDENTIALS, headers=HEADERS, body=BODY, at=AT, expires_in=60, **scope):
    """Return a request signed in its query."""
    signer = Signer(credentials, **{**SCOPE, **scope})
    url = signer.presign("POST", ORIGIN + TARGET, headers, body, expires_in=expires_in, at=at)
    return ["POST", url.removeprefix(ORIGIN), list(headers), body]


FORMS = pytest.mark.parametrize("form", [in_header, in_query], ids=["header", "query"])


def refuse(request, refusal, at=AT, verifier=VERIFIER):
    with pytest.raises(SignatureError) as raised:
        verifier.verify(*request, at=at)
    error = raised.value
    assert (error.code, error.status, error.message) == refusal
    assert str(error) == error.message


def accepted(request, at=AT, verifier=VERIFIER):
    try:
        return verifier.verify(*request, at=at)
    except SignatureError:
        return None


def changed(request, name, change):
    """Change one header's value; `None` takes it away, a list puts more in its place."""
    method, target, headers, body = request
    made = []
    for key, value in headers:
        new = change(value) if key == name else value
        made += [
            (key, item) for item in (new if isinstance(new, list) else [new]) if item is not None
        ]
    return [method, target, made, body]


def authorization(change):
    return changed(in_header(), "Authorization", change)


def query(change, **made):
    method, target, headers, body = in_query(**made)
    new = change(target)
    assert new != target
    return [method, new, headers, body]


# Accepted


@FORMS
def test_identity(form):
    names = ("content-type", "host", "x-amz-meta")
    if form is in_header:
        names = ("content-type", "host", "x-amz-date", "x-amz-meta")
    scope = "20260102/us-east-1/sagemaker/aws4_request"
    assert VERIFIER.verify(*form(), at=AT) == Identity("AKID", names, AT, scope)


@FORMS
def test_bytes_or_text_and_any_bytes_like(form):
    method, target, headers, body = form()
    octets = [(name.encode(), value.encode()) for name, value in headers]
    digest = hashlib.sha256(body).hexdigest()
    for given_body in (body, bytearray(body), memoryview(body), digest):
        assert VERIFIER.verify(method.encode(), target.encode(), octets, given_body, at=AT)
        assert VERIFIER.verify(method, target, dict(headers), given_body, at=AT)


@FORMS
def test_header_names_in_any_case_and_order(form):
    method, target, headers, body = form()
    other = [(name.swapcase(), value) for name, value in reversed(headers)]
    assert accepted([method, target, other, body])


@FORMS
def test_the_target_may_be_a_whole_url(form):
    method, target, headers, body = form()
    assert accepted([method, ORIGIN + target, headers, body])


@FORMS
def test_non_ascii_values_as_a_server_sees_them(form):
    headers = [*HEADERS, ("A", "caf\xe9 \u3042")]
    method, target, signed, body = form(headers=headers)
    seen = [(name, value.encode().decode("latin-1")) for name, value in signed]
    assert accepted([method, target, seen, body])


@FORMS
def test_temporary_credentials(form):
    assert VERIFIER.verify(*form(TEMPORARY), at=AT).access_key_id == "ASIA"


def test_unsigned_payload():
    signer = Signer(CREDENTIALS, **SCOPE, content_sha256_header=True)
    added = signer.sign("POST", ORIGIN + TARGET, HEADERS, "UNSIGNED-PAYLOAD", at=AT)
    assert accepted(["POST", TARGET, HEADERS + added, b"any body at all"])


def test_stated_hash():
    signer = Signer(CREDENTIALS, **SCOPE, content_sha256_header=True)
    added = signer.sign("POST", ORIGIN + TARGET, HEADERS, BODY, at=AT)
    assert accepted(["POST", TARGET, HEADERS + added, BODY])
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    refuse(["POST", TARGET, HEADERS + added, b"other"], (*INVALID, message))
    twice = [*HEADERS, *added, added[1]]
    message = "The x-amz-content-sha256 header is repeated."
    refuse(["POST", TARGET, twice, BODY], (*INCOMPLETE, message))


@pytest.mark.parametrize("normalize_path", [True, False])
@pytest.mark.parametrize("double_encode", [True, False])
def test_options(normalize_path, double_encode):
    options = {"normalize_path": normalize_path, "double_encode": double_encode}
    target = "/a//./b/../c%20d"
    signed = HEADERS + Signer(CREDENTIALS, **SCOPE, **options).sign(
        "POST", ORIGIN + target, HEADERS, BODY, at=AT
    )
    for normalize in (True, False):
        for double in (True, False):
            verifier = Verifier(KEYS, **SCOPE, normalize_path=normalize, double_encode=double)
            request = ["POST", target, signed, BODY]
            same = (normalize, double) == (normalize_path, double_encode)
            assert (accepted(request, verifier=verifier) is not None) is same


def test_lookup_may_be_a_callable():
    assert accepted(in_header(), verifier=Verifier(KEYS.get, **SCOPE))
    asked = []
    accepted(in_header(), verifier=Verifier(asked.append, **SCOPE))
    assert asked == ["AKID"]


# Refused: the form


def test_no_signature():
    refuse(["POST", TARGET, HEADERS, BODY], MISSING)
    refuse(["POST", "/", [], b""], MISSING)
    refuse(["POST", "/?X-Amz-Date=20260102T030405Z", HEADERS, b""], MISSING)


def test_two_signatures():
    method, target, _, body = in_query()
    request = [method, target, in_header()[2], body]
    message = "The request is signed both in its Authorization header and in its query."
    refuse(request, (*INCOMPLETE, message))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "", "The algorithm must be AWS4-HMAC-SHA256."),
        (lambda _: "Basic dXNlcjpwYXNz", "The algorithm must be AWS4-HMAC-SHA256."),
        (lambda v: v.replace("SHA256", "SHA1", 1), "The algorithm must be AWS4-HMAC-SHA256."),
        (lambda v: v.lower(), "The algorithm must be AWS4-HMAC-SHA256."),
        (
            lambda v: v + ", More=1",
            (
                "Authorization header has a part that is none of Credential, SignedHeaders and "
                "Signature."
            ),
        ),
        (
            lambda _: "AWS4-HMAC-SHA256",
            (
                "Authorization header has a part that is none of Credential, SignedHeaders and "
                "Signature."
            ),
        ),
        (lambda v: v + ", Signature=0", "Authorization header repeats 'Signature'."),
        (
            lambda v: v.replace("Credential=", "Credential=A, Credential="),
            "Authorization header repeats 'Credential'.",
        ),
        (
            lambda v: v.partition(", Signature=")[0],
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            lambda v: v.partition("Signature=")[0] + "Signature=",
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            lambda v: v.replace("SignedHeaders=content-type;host;x-amz-date;x-amz-meta, ", ""),
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            lambda v: "AWS4-HMAC-SHA256 " + v.partition(", ")[2],
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            lambda v: v.replace("AKID/20260102/", "20260102/"),
            (
                "Credential must have exactly 5 slash-delimited elements, "
                "e.g. keyid/date/region/service/term."
            ),
        ),
        (lambda v: v[:-1], "Signature must be 64 lower-case hexadecimal digits."),
        (lambda v: v[:-1] + "g", "Signature must be 64 lower-case hexadecimal digits."),
        (lambda v: v[:-64] + "A" * 64, "Signature must be 64 lower-case hexadecimal digits."),
        (lambda v: v + "\0", "The Authorization header has characters outside visible ASCII."),
        (lambda v: v + "é", "The Authorization header has characters outside visible ASCII."),
        (lambda v: [v, v], "The Authorization header is repeated."),
        (
            lambda v: v.replace("content-type;host", "host;content-type"),
            (
                "SignedHeaders must be lower-case header names in order, each once, "
                "joined by semicolons."
            ),
        ),
        (
            lambda v: v.replace(";host", ";host;host"),
            (
                "SignedHeaders must be lower-case header names in order, each once, "
                "joined by semicolons."
            ),
        ),
        (
            lambda v: v.replace(";host", ";Host"),
            (
                "SignedHeaders must be lower-case header names in order, each once, "
                "joined by semicolons."
            ),
        ),
        (
            lambda v: v.replace("SignedHeaders=", "SignedHeaders=;"),
            (
                "SignedHeaders must be lower-case header names in order, each once, "
                "joined by semicolons."
            ),
        ),
    ],
)
def test_incomplete_authorization(change, message):
    refuse(authorization(change), (*INCOMPLETE, message))


@pytest.mark.parametrize("space", ["", "   "])
def test_space_after_the_commas_is_free(space):
    assert accepted(authorization(lambda value: value.replace(", ", f",{space}")))


@pytest.mark.parametrize(
    "date",
    [
        "",
        "2026-01-02T03:04:05Z",
        "20260102T030405",
        "20260102 030405Z",
        "20260102T030405Z0",
        "20261302T030405Z",
        "20260230T030405Z",
        "20260102T240000Z",
        "20260102T030460Z",
        "00000102T030405Z",
        "2026 102T030405Z",
        "+2260102T030405Z",
    ],
)
def test_dates(date):
    message = "Date must be in ISO-8601 'basic format': YYYYMMDDTHHMMSSZ."
    refuse(changed(in_header(), "X-Amz-Date", lambda _: date), (*INCOMPLETE, message))


def test_dates_of_other_scripts():
    message = "The x-amz-date has characters outside visible ASCII."
    request = changed(in_header(), "X-Amz-Date", lambda v: v.replace("2", "\u0662"))
    refuse(request, (*INCOMPLETE, message))


def test_no_date():
    message = "Authorization header requires existence of an 'X-Amz-Date' header."
    refuse(changed(in_header(), "X-Amz-Date", lambda _: None), (*INCOMPLETE, message))


@pytest.mark.parametrize("name", ["X-Amz-Date", "X-Amz-Security-Token"])
def test_repeated_headers(name):
    message = f"The {name.lower()} header is repeated."
    request = changed(in_header(TEMPORARY), name, lambda value: [value, value])
    refuse(request, (*INCOMPLETE, message))


@FORMS
def test_repeated_host(form):
    request = changed(form(), "Host", lambda value: [value, value])
    refuse(request, (*INCOMPLETE, "The host header is repeated."))


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ],
)
def test_parameters(name):
    def without(target, value=""):
        path, _, pairs = target.partition("?")
        kept = [pair for pair in pairs.split("&") if not pair.startswith(f"{name}=")]
        return f"{path}?{'&'.join(kept)}{value}"

    required = f"AWS query-string parameters must include '{name}'."
    refuse(query(without), (*INCOMPLETE, required))
    refuse(query(lambda target: without(target, f"&{name}")), (*INCOMPLETE, required))
    refuse(query(lambda target: without(target, f"&{name}=")), (*INCOMPLETE, required))
    twice = query(lambda target: f"{target}&{name}=x")
    refuse(twice, (*INCOMPLETE, f"Query repeats '{name}'."))
    encoded = "A query parameter of the signature is not percent-encoded ASCII."
    for broken in ("%", "%4", "%zz", "%C3%A9", "%00", "%20", "a%0A", "é"):
        request = query(lambda target, end=broken: without(target, f"&{name}={end}"))
        refuse(request, (*INCOMPLETE, encoded))


@pytest.mark.parametrize(
    "seconds", ["0", "-1", "604801", "9999999", "1.0", "60s", "0x10", "+60", "%2B60", "00000060"]
)
def test_expires(seconds):
    message = "X-Amz-Expires must be a number of seconds from 1 to 604800."
    request = query(lambda target: target.replace("Expires=60", f"Expires={seconds}"))
    refuse(request, (*INCOMPLETE, message))


def test_algorithm_in_the_query():
    request = query(lambda target: target.replace("HMAC-SHA256", "ECDSA-P256-SHA256"))
    refuse(request, (*INCOMPLETE, "The algorithm must be AWS4-HMAC-SHA256."))


# Refused: scope, headers, key


@FORMS
def test_scope(form):
    message = "Credential should be scoped to a valid region, not 'eu-west-1'."
    refuse(form(region="eu-west-1"), (*INVALID, message))
    message = "Credential should be scoped to correct service: 'sagemaker'."
    refuse(form(service="s3"), (*INVALID, message))


def test_terminator():
    message = "Credential should be scoped with a valid terminator: 'aws4_request'."
    refuse(authorization(lambda v: v.replace("aws4_request", "aws4")), (*INVALID, message))


def test_date_of_the_scope():
    message = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
        "from HTTP: '20260103' != '20260102', from '20260102T030405Z'."
    )
    refuse(authorization(lambda v: v.replace("20260102", "20260103")), (*INVALID, message))


def test_host_has_to_be_signed():
    message = "'Host' must be a 'SignedHeader' in the AWS Authorization."
    refuse(authorization(lambda v: v.replace(";host", "")), (*INVALID, message))


@FORMS
@pytest.mark.parametrize("name", ["x-amz-other", "X-Amz-Content-Sha256", "X-AMZ-TARGET"])
def test_every_amz_header_has_to_be_signed(form, name):
    method, target, headers, body = form()
    message = f"'{name.lower()}' must be a 'SignedHeader' in the AWS Authorization."
    refuse([method, target, [*headers, (name, "x")], body], (*INVALID, message))


@FORMS
@pytest.mark.parametrize("name", ["User-Agent", "X-Amzn-Trace-Id", "Accept", "Connection"])
def test_other_headers_need_not(form, name):
    method, target, headers, body = form()
    assert accepted([method, target, [*headers, (name, "x")], body])


@FORMS
def test_a_signed_header_that_is_not_there(form):
    message = "The signed header 'content-type' is not in the request."
    refuse(changed(form(), "Content-Type", lambda _: None), (*INVALID, message))


@FORMS
def test_unknown_key(form):
    refuse(form(Credentials("OTHER", "SECRET")), UNRECOGNIZED)


@FORMS
def test_wrong_secret(form):
    refuse(form(Credentials("AKID", "secret")), (*INVALID, MISMATCH))


@FORMS
@pytest.mark.parametrize("token", [None, "", "other", "t0k/en+= "])
def test_wrong_token(form, token):
    request = form(Credentials("ASIA", "SECRET", token))
    if token == "t0k/en+= " and form is in_query:
        message = "A query parameter of the signature is not percent-encoded ASCII."
        refuse(request, (*INCOMPLETE, message))
    elif token == "t0k/en+= ":
        assert accepted(request)  # The space is not part of a header's value.
    else:
        refuse(request, UNRECOGNIZED)


@FORMS
def test_a_token_where_none_belongs(form):
    refuse(form(Credentials("AKID", "SECRET", "t0k/en")), UNRECOGNIZED)


@FORMS
def test_expired_credentials(form):
    last = TEMPORARY.expires_at - SECOND
    assert accepted(form(TEMPORARY, at=last), at=last)
    refuse(form(TEMPORARY, at=last + SECOND), EXPIRED, at=last + SECOND)


# Refused: the time


def test_skew():
    request = in_header()
    for seconds in (-300, 0, 300):
        assert accepted(request, at=AT + seconds * SECOND)
    early = (
        "Signature not yet current: 20260102T030405Z is still later than "
        "20260102T030404Z (20260102T025904Z + 300 s.)"
    )
    refuse(request, (*INVALID, early), at=AT - 301 * SECOND)
    late = (
        "Signature expired: 20260102T030405Z is now earlier than "
        "20260102T030406Z (20260102T030906Z - 300 s.)"
    )
    refuse(request, (*INVALID, late), at=AT + 301 * SECOND)


@pytest.mark.parametrize("skew", [0, 1, 900])
def test_any_skew(skew):
    verifier = Verifier(KEYS, **SCOPE, max_skew=skew)
    for seconds in (-skew - 1, -skew, skew, skew + 1):
        seen = accepted(in_header(), at=AT + seconds * SECOND, verifier=verifier)
        assert (seen is not None) is (abs(seconds) <= skew)


@pytest.mark.parametrize("life", [1, 60, 604_800])
def test_presigned_life(life):
    request = in_query(expires_in=life)
    end = AT + life * SECOND
    for at in (AT - 300 * SECOND, AT, end):
        assert accepted(request, at=at)
    stamp = [f"{moment:%Y%m%dT%H%M%SZ}" for moment in (end, end + SECOND)]
    late = (
        f"Signature expired: {stamp[0]} is now earlier than {stamp[1]} "
        f"(20260102T030405Z + {life} s.)"
    )
    refuse(request, (*INVALID, late), at=end + SECOND)
    early = (
        "Signature not yet current: 20260102T030405Z is still later than "
        "20260102T030404Z (20260102T025904Z + 300 s.)"
    )
    refuse(request, (*INVALID, early), at=AT - 301 * SECOND)


def test_the_ends_of_time():
    for at in (
        datetime.min.replace(tzinfo=timezone.utc),
        datetime.max.replace(tzinfo=timezone.utc),
    ):
        request = in_header(at=at)
        assert accepted(request, at=at)
        assert accepted(request) is None
        assert accepted(in_header(), at=at) is None


# Refused: any change


@st.composite
def requests(draw):
    """Make a request that is signed in one of the two forms, with what may be changed of it."""
    path = "/" + draw(st.text(string.ascii_letters + "%./ ~", max_size=12))
    pairs = draw(st.lists(st.text(string.ascii_letters + "=%20", max_size=5), max_size=3))
    names = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)
    headers = draw(
        st.lists(st.tuples(names, st.text(st.characters(codec="latin-1"), max_size=8)), max_size=3)
    )
    kept = {"authorization", "x-amz-date", "x-amz-security-token", "host", "x-amz-content-sha256"}
    headers = [("Host", "example.com")] + [
        (name, value.replace("\r", "").replace("\n", ""))
        for name, value in headers
        if name.lower() not in kept
    ]
    body = draw(st.binary(max_size=20))
    url = f"{ORIGIN}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")
    assume("#" not in url)
    method = draw(st.sampled_from(["POST", "GET", "A"]))
    credentials = draw(st.sampled_from([CREDENTIALS, TEMPORARY]))
    signer = Signer(credentials, **SCOPE)
    if draw(st.booleans()):
        headers += signer.sign(method, url, headers, body, at=AT)
    else:
        url = signer.presign(method, url, headers, body, at=AT)
    octets = [(name.encode(), value.encode()) for name, value in headers]
    return [method.encode(), url.removeprefix(ORIGIN).encode(), octets, body]


def canonical(request):
    return VERIFIER.explain(*request, at=AT).canonical_request


def flipped(draw, data):
    """Change, add or take away one byte."""
    place = draw(st.integers(0, len(data)))
    put = draw(st.binary(max_size=1))
    gone = draw(st.integers(0, 1))
    made = data[:place] + put + data[place + gone :]
    assume(made != data)
    return made


@given(data=st.data(), request_=requests())
def test_any_changed_byte_is_refused(data, request_):
    assert accepted(request_) is not None
    method, target, headers, body = request_
    part = data.draw(st.sampled_from(["method", "target", "body", "name", "value"]))
    signed = set(VERIFIER.verify(*request_, at=AT).signed_headers)
    signed |= {"authorization"}
    places = [n for n, (name, _) in enumerate(headers) if name.lower().decode() in signed]
    place = data.draw(st.sampled_from(places))
    if part == "method":
        method = flipped(data.draw, method)
    elif part == "target":
        target = flipped(data.draw, target)
    elif part == "body":
        body = flipped(data.draw, body)
    else:
        name, value = headers[place]
        if part == "name":
            name = flipped(data.draw, name)
            assume(name.lower() != headers[place][0].lower())
        else:
            value = flipped(data.draw, value)
        headers = [*headers[:place], (name, value), *headers[place + 1 :]]
    changed_request = [method, target, headers, body]
    if accepted(changed_request) is None:
        return
    # Then the server reads the very same request: only white space, or another way to write it.
    assert part in ("target", "value")
    assert canonical(changed_request) == canonical(request_)


@given(st.data())
def test_any_changed_digit_of_the_signature_is_refused(data):
    form = data.draw(st.sampled_from([in_header, in_query]))
    method, target, headers, body = form()
    place = data.draw(st.integers(1, 64))
    digit = data.draw(st.sampled_from(string.hexdigits.lower()[:16]))

    def other(text):
        cut = len(text) - place
        assume(text[cut] != digit)
        return text[:cut] + digit + text[cut + 1 :]

    if form is in_query:
        refuse([method, other(target), headers, body], (*INVALID, MISMATCH))
    else:
        request = changed([method, target, headers, body], "Authorization", other)
        refuse(request, (*INVALID, MISMATCH))


# Arbitrary input

octets = st.binary(max_size=60)
anything = octets | st.text(max_size=60)
fields = st.sampled_from(
    [
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/sagemaker/aws4_request, ",
        "SignedHeaders=host;x-amz-date, ",
        "Signature=" + "0" * 64,
        "Credential=",
        ",",
        "20260102T030405Z",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&",
        "X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Fsagemaker%2Faws4_request&",
        "X-Amz-Date=20260102T030405Z&",
        "X-Amz-Expires=60&",
        "X-Amz-SignedHeaders=host&",
        "X-Amz-Signature=" + "0" * 64,
        "X-Amz-Security-Token=",
        "/?",
        "%",
        "://",
    ]
)
almost = st.lists(fields | st.text(max_size=3), max_size=8).map("".join) | anything
odd_names = anything | st.sampled_from(
    ["Host", "Authorization", "X-Amz-Date", "x-amz-security-token", "X-Amz-Content-SHA256"]
)


@given(
    method=anything,
    target=almost,
    headers=st.lists(st.tuples(odd_names, almost), max_size=6),
    body=anything,
    at=st.datetimes(timezones=st.just(timezone.utc)),
)
def test_nothing_but_a_signature_error(method, target, headers, body, at):
    seen = VERIFIER.explain(method, target, headers, body, at=at)
    with pytest.raises(SignatureError) as raised:
        VERIFIER.verify(method, target, headers, body, at=at)
    assert raised.value.code.endswith("Exception")
    assert raised.value.status in (400, 403)
    assert isinstance(seen, Explanation)
    assert seen.difference


# Errors that are not the request's


def test_a_failing_lookup_comes_through():
    def lookup(_):
        raise ConnectionError("the key store is away")

    verifier = Verifier(lookup, **SCOPE)
    for call in (verifier.verify, verifier.explain):
        with pytest.raises(ConnectionError, match="the key store is away"):
            call(*in_header(), at=AT)


@pytest.mark.parametrize("answer", ["SECRET", ("SECRET", None), 5, {}])
def test_a_lookup_that_gives_something_else(answer):
    verifier = Verifier({"AKID": answer}, **SCOPE)
    with pytest.raises(TypeError) as raised:
        verifier.verify(*in_header(), at=AT)
    kind = type(answer).__name__
    assert str(raised.value) == (f"lookup must give sagewire.sigv4.Credentials or None, not {kind}")


PAIRS = "headers must be a mapping or an iterable of (name, value) pairs, not"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, "/", []), "method must be str or bytes, not int"),
        (("POST", None, []), "target must be str or bytes, not NoneType"),
        (("POST", "/", 5), f"{PAIRS} int"),
        (("POST", "/", ["abc"]), f"{PAIRS} list"),
        (("POST", "/", [("a", 5)]), "headers: the value of header 0 must be str or bytes, not int"),
        (("POST", "/", {5: ""}), "headers: the name of header 0 must be str or bytes, not int"),
        (("POST", "/", [], 5), "body must be bytes-like, or str with its hash, not int"),
    ],
)
def test_wrong_types(arguments, message):
    for call in (VERIFIER.verify, VERIFIER.explain):
        with pytest.raises(TypeError) as raised:
            call(*arguments, at=AT)
        assert str(raised.value) == message


@pytest.mark.parametrize(
    ("skew", "kind", "message"),
    [
        (1.5, TypeError, "max_skew must be int (seconds), not float"),
        (True, TypeError, "max_skew must be int (seconds), not bool"),
        (
            -1,
            InvalidArgumentError,
            "max_skew: -1 seconds is out of range; allowed: 0 to 1000000000",
        ),
        (
            2**70,
            InvalidArgumentError,
            f"max_skew: {2**70} seconds is out of range; allowed: 0 to 1000000000",
        ),
    ],
)
def test_skew_of_a_wrong_kind(skew, kind, message):
    with pytest.raises(kind) as raised:
        Verifier({}, **SCOPE, max_skew=skew)
    assert str(raised.value) == message


def test_a_lookup_of_a_wrong_type():
    with pytest.raises(TypeError) as raised:
        Verifier("AKID", **SCOPE)
    assert str(raised.value) == "lookup must be a mapping or callable, not str"


# explain()


@FORMS
def test_explain_what_is_accepted(form):
    seen = VERIFIER.explain(*form(), at=AT)
    assert seen.difference is None
    assert hashlib.sha256(seen.canonical_request.encode()).hexdigest() in seen.string_to_sign


def test_explain_shows_what_was_signed():
    signer = Signer(CREDENTIALS, **SCOPE)
    arguments = ("POST", ORIGIN + TARGET, HEADERS, BODY)
    seen = VERIFIER.explain(*in_header(), at=AT)
    assert seen.canonical_request == signer.canonical_request(*arguments, at=AT)
    assert seen.string_to_sign == signer.string_to_sign(*arguments, at=AT)


@FORMS
def test_explain_hides_the_token(form):
    seen = VERIFIER.explain(*form(TEMPORARY), at=AT)
    assert seen.difference is None
    assert "t0k" not in repr(seen)
    assert "<hidden>" in seen.canonical_request


@pytest.mark.parametrize("other", ["X-Amz-Date", "Content-Type"])
def test_explain_hides_the_token_however_it_is_written(other):
    """A token in a header that arrives twice, or beside one that is broken, is hidden too."""
    signed = in_header(TEMPORARY)
    twice = changed(signed, "X-Amz-Security-Token", lambda token: [token, token])
    assert "t0k" not in repr(VERIFIER.explain(*twice, at=AT))
    broken = changed(signed, other, lambda value: f"{value}\nx-amz-security-token:a")
    assert "t0k" not in repr(VERIFIER.explain(*broken, at=AT))


@pytest.mark.parametrize("method", ["POST\n", "\n\n\n", "a\nb"])
@FORMS
def test_explain_hides_the_token_whatever_the_method(form, method):
    request = form(Credentials("ASIA", "SECRET", "t0k&t0k\tt0k"))
    assert "t0k" not in repr(VERIFIER.explain(method, *request[1:], at=AT))


@FORMS
def test_explain_broken_form(form):
    method, target, headers, body = form()
    headers = [("Authorization", "x"), *headers]
    seen = VERIFIER.explain(method, target, headers, body, at=AT)
    assert (seen.canonical_request, seen.string_to_sign) == ("", "")
    assert seen.difference


def difference(request, verifier=VERIFIER):
    return verifier.explain(*request, at=AT).difference


@FORMS
def test_explain_the_payload(form):
    signed_empty = form(body=b"")
    assert difference([*signed_empty[:3], BODY]) == (
        "The payload: the signature is that of an empty body."
    )
    unsigned = form(body="UNSIGNED-PAYLOAD")
    assert difference([*unsigned[:3], BODY]) == "The payload: the signature leaves it unsigned."


@FORMS
def test_explain_the_path(form):
    verifier = Verifier(KEYS, **SCOPE, double_encode=False)
    assert difference(form(), verifier) == (
        "The path: the signature is that of normalize_path=True, double_encode=True."
    )


@FORMS
def test_explain_the_method(form):
    request = form()
    assert difference(["post", *request[1:]]) == (
        "The method: the signature is that of the method in upper case."
    )


@FORMS
def test_explain_any_other_difference(form):
    request = changed(form(), "Content-Type", lambda _: "text/plain")
    assert difference(request) == MISMATCH
    assert difference(form(Credentials("OTHER", "x"))) == UNRECOGNIZED[2]
