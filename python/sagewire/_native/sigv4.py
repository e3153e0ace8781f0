"""SigV4, native: rust/py/src/sigv4.rs over rust/core/src/sigv4. Its pure twin: _pure/sigv4/."""

from sagewire._native._ext import EventSigner, Signer, Verifier, sha256_hex

__all__ = ["EventSigner", "Signer", "Verifier", "sha256_hex"]
