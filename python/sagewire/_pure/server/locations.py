"""`s3://bucket/key`, and the file of a folder that stands for it.

Twin: rust/net/src/server/locations.rs.
"""

import contextlib
import os
import re
import threading

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Location:
    """An object in S3, or what stands for one."""

    __slots__ = ("bucket", "key")

    def __init__(self, bucket: str, key: str) -> None:
        self.bucket = bucket
        self.key = key

    def join(self, *parts: str) -> "Location | None":
        """Return an object under this one, which is taken for a folder. Empty parts are left out.

        None where no file can stand for it.
        """
        key = "/".join(part.strip("/") for part in (self.key.rstrip("/"), *parts) if part)
        return Location(self.bucket, key) if _is_key(key) else None

    def file(self, folder: str) -> str:
        """Return the path of the file that stands for it."""
        return f"{folder}/{self.bucket}/{self.key}"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse(text: str) -> "Location | None":
    """Read `s3://bucket/key`; None for anything that no file can stand for."""
    scheme, _, rest = text.partition("://")
    bucket, slash, key = rest.partition("/")
    if scheme != "s3" or not slash or not BUCKET.fullmatch(bucket) or not _is_key(key):
        return None
    return Location(bucket, key)


def parse_prefix(text: str) -> "Location | None":
    """Read `s3://bucket/prefix`, in which the prefix may be absent."""
    scheme, _, rest = text.partition("://")
    bucket, _, key = rest.partition("/")
    key = key.rstrip("/")
    if scheme != "s3" or not BUCKET.fullmatch(bucket) or (key and not _is_key(key)):
        return None
    return Location(bucket, key)


def _is_key(key: str) -> bool:
    """Tell whether a key is also a path which stays below its folder."""
    return all(part not in ("", ".", "..") and "\0" not in part for part in key.split("/"))


def read(path: str, limit: int) -> bytes:
    """Return an object's bytes, at most `limit` of them."""
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs more than the file
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError("it is too long")
        return file.read()


def write(path: str, data: bytes) -> None:
    """Write an object: whoever looks finds all of it, or nothing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    # A name of its own, since two calls may write the same object.
    unfinished = f"{path}.{os.getpid()}.{threading.get_ident()}.unfinished"
    try:
        with open(unfinished, "wb") as file:  # noqa: PTH123
            file.write(data)
        os.replace(unfinished, path)  # noqa: PTH105
    except BaseException:
        # Half a file on a full disk would keep it full.
        with contextlib.suppress(OSError):
            os.remove(unfinished)  # noqa: PTH107
        raise
