"""Image files of a folder and its sub-folders, each once.

An image is a regular file whose name ends as one that Pillow reads. Links are followed,
but a file or folder that several names lead to is read under one of them. Hidden files
and those that systems make for themselves, such as thumbnails, are skipped. Everything
else that is left out is counted in one line of the log.
"""

import hashlib
import logging
import os
import stat
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.readers.open_image import endings
from jaxgan.errors import InputError

SYSTEM = {
    "#recycle",
    "$recycle.bin",
    "@eadir",  # Synology's thumbnails
    "__macosx",
    "desktop.ini",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
"""Lower-case names that are skipped, as are those that begin with a dot."""

LIMIT = 2**28
"""Bytes of files whose contents are digested."""

NO_IMAGE = "files whose endings are of no image"
NO_FILE = "pipes or devices"
SAME = "further names of the same images"


class Files(NamedTuple):
    """Image files of a folder with their metadata from the file system."""

    root: Path
    names: list[str]  # paths relative to the folder, with slashes, sorted
    states: list[tuple[int, ...]]  # size, times of modification and change, inode

    @classmethod
    def of(cls, root: Path, name: str = "path") -> "Files":
        """Find all images of a folder and its sub-folders, except hidden ones.

        Args:
            root: the folder.
            name: name of the argument, for messages.

        Raises:
            InputError: if there is no folder or no image in it, or one of its folders
                cannot be read.
        """
        if not root.is_dir():
            raise InputError(f"{name}: {root} is not a folder.")
        found, others = _select(root)
        said = "; ".join(
            f"{len(names):,} {reason}, such as {names[0]}"
            for reason, names in sorted(others.items())
        )
        if not found:
            raise InputError(
                f"{name}: {root} holds no images; their names must end as those of a "
                "format that Pillow reads, such as .png or .jpg"
                + (f"; it holds {said}." if said else ".")
            )
        if said:
            logging.getLogger(__name__).warning("%s: left out %s.", root, said)
        return cls(root, sorted(found), [found[name] for name in sorted(found)])

    def select(self, names: Sequence[str]) -> "Files":
        """Select files by name, in the order given."""
        states = dict(zip(self.names, self.states, strict=True))
        return Files(self.root, list(names), [states[name] for name in names])

    def digest(self) -> str:
        """Digest the names and contents, or sizes and times if the files are large."""
        if sum(size for size, *_ in self.states) > LIMIT:
            changed = [f"{size} {time}" for size, time, *_ in self.states]
            return digest_contents(self.names, changed)
        contents = [hash_contents(self.root / name) for name in self.names]
        return digest_contents(self.names, contents)


def digest_contents(names: Sequence[str], contents: Sequence[str]) -> str:
    """Digest the names of files and a digest, or the size, of each."""
    return hashlib.sha256(repr((list(names), list(contents))).encode()).hexdigest()


def hash_contents(file: Path) -> str:
    """Hash a file's contents; return the error message if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return str(error)


def printable(name: str) -> str:
    """Escape the bytes of a file name that are not UTF-8.

    >>> from jaxgan.data.readers.files import printable
    >>> print(printable("caf\\udce9"))
    caf\\xe9
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class _Entry(NamedTuple):
    linked: bool  # reached by a link, so that another name has precedence
    name: str
    target: str  # the real path


def _select(
    root: Path,
) -> tuple[dict[str, tuple[int, ...]], dict[str, list[str]]]:
    """Find the metadata of all images by name, and what is left out by reason."""
    found: dict[str, tuple[int, ...]] = {}
    others: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    allowed = tuple(endings())
    for _, name, target in sorted(_walk(root)):
        if not name.lower().endswith(allowed):
            others[NO_IMAGE].append(name)
            continue
        if target in seen:
            others[SAME].append(name)
            continue
        seen.add(target)
        path = os.path.join(root, name)
        broken = not os.path.exists(path)  # reported when it is decoded
        about = os.lstat(path) if broken else os.stat(path)
        if broken or stat.S_ISREG(about.st_mode):
            times = about.st_mtime_ns, about.st_ctime_ns
            found[name] = (about.st_size, *times, about.st_ino)
        else:
            others[NO_FILE].append(name)
    return found, others


def _walk(root: Path) -> Iterator[_Entry]:
    """Iterate over everything but folders, entering each real folder once."""
    entered: set[str] = set()
    real = deque([_Entry(False, "", os.path.realpath(root))])
    linked: deque[_Entry] = deque()
    while real or linked:  # real folders first: what they hold keeps its own name
        inside = (real or linked).popleft()
        if inside.target in entered:
            continue
        entered.add(inside.target)
        for entry in _entries(root / inside.name):
            link = entry.is_symlink()
            path = os.path.join(inside.target, entry.name)
            found = _Entry(
                inside.linked or link,
                inside.name + entry.name,
                os.path.realpath(path) if link else path,
            )
            if os.path.isdir(entry.path) if link else entry.is_dir():
                folder = found._replace(name=found.name + "/")
                (linked if found.linked else real).append(folder)
            else:
                yield found


def _entries(folder: Path) -> list[os.DirEntry]:
    """List a folder by name, without hidden entries and those of systems.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            kept = [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM
            ]
    except OSError as error:
        raise InputError(
            f"path: {folder} cannot be read: {error.strerror or error}; grant access "
            "to it, or move it out of the folder of images."
        ) from error
    return sorted(kept, key=lambda entry: entry.name)
