"""AWS Signature Version 4: sign requests, presign URLs, and check both on the other side.

    signer = Signer(Credentials("AKID", "SECRET"), region="us-east-1", service="sagemaker")
    headers = signer.sign("POST", url, headers=[("Content-Type", "text/csv")], body=b"1,2,3")

The rules are those of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html;
docs/signing.md names where botocore, the AWS test suite and this module differ, and why.
"""

from sagewire.exceptions import SignatureError
from sagewire.sigv4.values import Credentials, Explanation, Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.sigv4.signer import EventSigner, Signer
    from sagewire.sigv4.verifier import Verifier

__all__ = [
    "Credentials",
    "EventSigner",
    "Explanation",
    "Identity",
    "SignatureError",
    "Signer",
    "Verifier",
]

# Name -> the module it is loaded from at first use: a client needs none of them.
_HOMES = {"EventSigner": "signer", "Signer": "signer", "Verifier": "verifier"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
