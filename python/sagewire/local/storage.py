"""The folder that stands for S3: `s3://BUCKET/KEY` is `FOLDER/BUCKET/KEY`."""

import os

from sagewire.exceptions import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    import weakref


class Storage:
    """A folder for the objects of asynchronous invocations: a given one, or a temporary one.

    A temporary one is made when it is needed, and removed by `close` or with the last reference.
    """

    def __init__(self, folder: "str | os.PathLike[str] | None") -> None:
        self._folder = None if folder is None else _checked(folder)
        self._remove: weakref.finalize[..., Storage] | None = None

    @property
    def folder(self) -> str:
        """The folder's path."""
        if self._folder is None:
            import tempfile
            import weakref

            self._folder = tempfile.mkdtemp(prefix="sagewire-s3-")
            self._remove = weakref.finalize(self, _remove, self._folder, os.getpid())
        return self._folder

    def close(self) -> None:
        """Remove a temporary folder."""
        if self._remove is not None:
            self._remove()

    def path(self, location: str) -> "pathlib.Path":
        """Return the path of an object's file."""
        import pathlib

        bucket, key = split(location, "location", key_needed=True)
        return pathlib.Path(self.folder, bucket, *key.split("/"))


def _checked(folder: "str | os.PathLike[str]") -> str:
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"s3_folder must be str or os.PathLike, not {type(folder).__name__}")
    path = os.fsdecode(folder)
    if not path or "\0" in path:
        raise InvalidArgumentError(
            argument="s3_folder",
            problem="it has a NUL in it" if path else "it is empty",
            allowed="the path of a folder, or None for a temporary one",
        )
    return os.path.abspath(path)  # noqa: PTH100 - no pathlib before it is asked for


def _remove(folder: str, owner: int) -> None:
    import shutil

    # A forked child has a copy of this, but the folder is not its own.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def split(location: str, argument: str, *, key_needed: bool = False) -> "tuple[str, str]":
    """Return the bucket and the key, or prefix, of an S3 location that a file can stand for."""
    import re

    if not isinstance(location, str):
        raise TypeError(f"{argument} must be str, not {type(location).__name__}")
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", location, re.DOTALL)
    parts = (found[2] or "").rstrip("/").split("/") if found else [""]
    empty = parts == [""]
    unsafe = not empty and any(part in ("", ".", "..") or "\0" in part for part in parts)
    if found is None or unsafe or (key_needed and empty):
        form = "s3://BUCKET/KEY" if key_needed else "s3://BUCKET or s3://BUCKET/PREFIX"
        raise InvalidArgumentError(
            argument=argument,
            problem=f"{location!r} is no S3 location that a file can stand for",
            allowed=f"{form}, whose parts are names of files",
        )
    return found[1], "/".join(parts)
