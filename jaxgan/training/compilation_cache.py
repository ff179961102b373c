"""Keep compiled programs between processes, in the user's cache."""

import contextlib
from pathlib import Path

import jax

from jaxgan.data.readers.cache import default_cache

LIMIT = 2**30
"""Bytes of compiled programs that are kept; the oldest go first."""

WORTHWHILE = 0.1
"""Seconds of compiling from which on a program is kept."""


def keep_compiled() -> None:
    """Let JAX keep compiled programs in $JAXGAN_CACHE/compiled, and find them there.

    Where JAX_COMPILATION_CACHE_DIR or another setting of JAX names a directory, that
    one is used. Where nothing can be written, nothing is kept.
    """
    if jax.config.values.get("jax_compilation_cache_dir") is not None:
        return
    directory = default_cache().resolve() / "compiled"
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(directory))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTHWHILE)
        remove_oldest(directory, LIMIT)


def remove_oldest(directory: Path, limit: int) -> None:
    """Remove the oldest files of a directory until the rest fits into a limit.

    JAX can do so itself, but no longer once a process was killed between two writes.

    Args:
        directory: of the files.
        limit: in bytes.
    """
    # On GPUs XLA keeps folders there, too.
    files = [(path.stat(), path) for path in directory.iterdir() if path.is_file()]
    total = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda each: each[0].st_mtime_ns):
        if total <= limit:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
