"""Lines of JSON with a digest of themselves, so that damage is noticed."""

import hashlib
import re

_SEAL = re.compile(rb',"digest":"([0-9a-f]{16})"}\Z')


def seal(line: bytes) -> bytes:
    """Put the digest of a JSON object's line into it, as its last field.

    >>> from jaxgan.sealed_lines import is_sound, seal
    >>> line = seal(b'{"step":1}')
    >>> line
    b'{"step":1,"digest":"8565a568653654ae"}'
    >>> is_sound(line), is_sound(line.replace(b"1", b"3", 1))
    (True, False)
    """
    return line[:-1] + b',"digest":"' + _digest(line).encode() + b'"}'


def is_sound(line: bytes) -> bool:
    """Return True if a line has its own digest, or none, as those of old files."""
    found = _SEAL.search(line.rstrip())
    if found is None:
        return True
    return _digest(line[: found.start()] + b"}") == found[1].decode()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
