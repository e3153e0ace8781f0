"""The AWS test suite for SigV4, every case at every stage, in the header and in the query."""

from datetime import datetime

import pytest

from sagewire.sigv4 import Credentials, Signer, Verifier
from tests.support.vectors import load

ABSENT = pytest.mark.skip(reason="recorded vectors are not part of a clone")
SUITE = [pytest.param(case, id=case["id"]) for case in load("sigv4_suite.jsonl")] or [
    pytest.param({}, id="sigv4_suite.jsonl", marks=ABSENT)
]


class Case:
    """One case: a signer, its arguments, and what each stage has to be."""

    def __init__(self, recorded):
        context, request = recorded["context"], recorded["request"]
        known = context["credentials"]
        self.credentials = Credentials(
            known["access_key_id"], known["secret_access_key"], known.get("token")
        )
        self.scope = {"region": context["region"], "service": context["service"]}
        self.normalize = context["normalize"]
        self.signer = Signer(
            self.credentials,
            **self.scope,
            normalize_path=self.normalize,
            content_sha256_header=context["sign_body"],
        )
        self.at = datetime.fromisoformat(context["timestamp"].replace("Z", "+00:00"))
        self.expires_in = context["expiration_in_seconds"]
        self.method, self.target = request["method"], request["target"]
        self.headers = [tuple(header) for header in request["headers"]]
        self.body = request["body"].encode()
        self.host = dict(self.headers)["Host"]
        self.request = (
            self.method,
            f"https://{self.host}{self.target}",
            self.headers,
            self.body,
        )

    def verifier(self):
        keys = {self.credentials.access_key_id: self.credentials}
        return Verifier(keys, **self.scope, normalize_path=self.normalize)


@pytest.mark.parametrize("recorded", SUITE)
def test_canonical_request(recorded):
    case = Case(recorded)
    text = case.signer.canonical_request(*case.request, at=case.at)
    assert text == recorded["header"]["canonical-request"]


@pytest.mark.parametrize("recorded", SUITE)
def test_string_to_sign(recorded):
    case = Case(recorded)
    text = case.signer.string_to_sign(*case.request, at=case.at)
    assert text == recorded["header"]["string-to-sign"]


@pytest.mark.parametrize("recorded", SUITE)
def test_signature(recorded):
    case = Case(recorded)
    name, authorization = case.signer.sign(*case.request, at=case.at)[-1]
    assert name == "Authorization"
    assert authorization.partition("Signature=")[2] == recorded["header"]["signature"]


@pytest.mark.parametrize("recorded", SUITE)
def test_signed_request(recorded):
    case = Case(recorded)
    signed = case.headers + case.signer.sign(*case.request, at=case.at)
    wanted = [tuple(header) for header in recorded["header"]["signed-request"]["headers"]]
    lower = sorted((name.lower(), value) for name, value in signed)
    assert lower == sorted((name.lower(), value) for name, value in wanted)


@pytest.mark.parametrize("recorded", SUITE)
def test_presigned_stages(recorded):
    case = Case(recorded)
    seen = case.signer._twin.presign_stages(
        *case.request, str(case.expires_in), int(case.at.timestamp()), strict=True
    )
    wanted = recorded["query"]
    assert seen == (wanted["canonical-request"], wanted["string-to-sign"])


@pytest.mark.parametrize("recorded", SUITE)
def test_presigned_url(recorded):
    case = Case(recorded)
    url = case.signer.presign(*case.request, expires_in=case.expires_in, at=case.at)
    assert url.partition("&X-Amz-Signature=")[2] == recorded["query"]["signature"]


@pytest.mark.parametrize("recorded", SUITE)
def test_header_form_is_accepted(recorded):
    case = Case(recorded)
    signed = [tuple(header) for header in recorded["header"]["signed-request"]["headers"]]
    identity = case.verifier().verify(case.method, case.target, signed, case.body, at=case.at)
    assert identity.access_key_id == case.credentials.access_key_id
    assert identity.signed_at == case.at


@pytest.mark.parametrize("recorded", SUITE)
def test_query_form_is_accepted(recorded):
    case = Case(recorded)
    url = case.signer.presign(*case.request, expires_in=case.expires_in, at=case.at)
    target = url.partition(case.host)[2]
    identity = case.verifier().verify(case.method, target, case.headers, case.body, at=case.at)
    assert identity.access_key_id == case.credentials.access_key_id
