"""The ids of calls: random bytes as UUIDs in text. Twin: rust/net/src/transport/identity.rs."""


def identities(random: bytes) -> "list[str]":
    """Return one id of version 4 of RFC 9562 for each 16 bytes of `random`.

    >>> identities(bytes(16))
    ['00000000-0000-4000-8000-000000000000']
    """
    digits = random.hex()
    whole = len(digits) - len(digits) % 32
    return [_identity(digits[start : start + 32]) for start in range(0, whole, 32)]


def _identity(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
