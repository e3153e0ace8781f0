"""Every refusal of a signature, with its code, status and words."""

from datetime import datetime, timezone

import pytest

from sagewire.sigv4 import Credentials, Verifier
from tests.support.signed_requests import (
    AT,
    BODY,
    EXPIRED,
    FORMS,
    HEADERS,
    INCOMPLETE,
    INVALID,
    KEYS,
    MISMATCH,
    MISSING,
    SCOPE,
    SECOND,
    TARGET,
    TEMPORARY,
    UNRECOGNIZED,
    accepted,
    authorization,
    changed,
    in_header,
    in_query,
    query,
    refuse,
)

# The form


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


# Scope, headers, key


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


# The time


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
