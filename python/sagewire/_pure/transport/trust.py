"""Why a certificate is not trusted. Twins: rust/net/src/transport/trust.rs and certificate.rs.

Whom to trust is OpenSSL's decision, as it is for boto3.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

# The attributes of a name that are shown, as OpenSSL abbreviates them.
_SHOWN = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
}
# X509_V_ERR_...: unable to get issuer certificate, self-signed, self-signed in chain, unable to get
# local issuer certificate, unable to verify the first certificate.
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)


def explained(
    error: "ssl.SSLCertVerificationError", connected: "Any", context: "ssl.SSLContext"
) -> str:
    """Return OpenSSL's words, with the issuer that it did not know."""
    what = error.verify_message
    if error.verify_code in _UNKNOWN_ISSUER:
        what += f" (the issuer is {_issuer(_chain(connected), context.get_ca_certs())})"
    return f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {what}"


def _chain(connected: "Any") -> "list[dict[str, Any]]":
    """Return what the server has sent, its own certificate first.

    Public from Python 3.13 on, but as bytes, which nothing public takes apart.
    """
    inner = getattr(connected, "_sslobj", None)
    get_chain = getattr(inner, "get_unverified_chain", None)
    found = get_chain() if get_chain is not None else None
    return [certificate.get_info() for certificate in found or ()]


def _issuer(chain: "list[dict[str, Any]]", ours: "list[Any]") -> str:
    """Return the issuer of the last certificate that can be reached from the server's own.

    Ours are looked at before those that were sent, and once one is found ours alone, as OpenSSL
    does.
    """
    if not chain:
        return "unknown"
    last = chain[0]
    others = chain[1:]
    while last["issuer"] != last["subject"]:
        issuer = last["issuer"]
        above = next((one for one in ours if one["subject"] == issuer), None)
        if above is not None:
            ours, others = [one for one in ours if one is not above], []
        else:
            above = next((one for one in others if one["subject"] == issuer), None)
            if above is None:
                break
            others = [one for one in others if one is not above]
        last = above
    parts = [
        f"{_SHOWN[kind]}={''.join(letter if _is_shown(letter) else '?' for letter in text)}"
        for attributes in last["issuer"]
        for kind, text in attributes
        if kind in _SHOWN
    ]
    return ", ".join(parts) or "nobody by name"


def _is_shown(letter: str) -> bool:
    return not ("\0" <= letter < " " or "\x7f" <= letter <= "\x9f")
