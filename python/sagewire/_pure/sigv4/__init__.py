"""SigV4, pure: rust/core/src/sigv4, file by file, readable as the specification.

    canonical.py  method, path, query, headers and payload hash -> canonical request
    key.py        secret, date, region, service                 -> signing key (cached)
    sign.py       canonical request -> string to sign -> Authorization header
    presign.py    the same, as query parameters
    event.py      a chain of signed event-stream messages
    claim.py      what a request says about its own signature
    verify.py     is it true

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from sagewire._pure.sigv4.event import EventSigner
from sagewire._pure.sigv4.key import sha256_hex
from sagewire._pure.sigv4.sign import Signer
from sagewire._pure.sigv4.verify import Verifier

__all__ = ["EventSigner", "Signer", "Verifier", "sha256_hex"]
