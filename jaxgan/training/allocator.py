"""Keep freed memory in the process between training steps.

XLA's CPU backend asks the C library for its scratch memory anew at every step. glibc
gives blocks above 32 MB back to the system each time, and a DCGAN step then spends a
fifth of its time on page faults.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of <malloc.h>


def tune_malloc() -> None:
    """Let glibc keep freed blocks of up to 1 GB for the next step.

    It has an effect only before JAX's first computation, and only on Linux with glibc;
    elsewhere nothing happens. The process then holds on to the memory it once needed,
    so this is for programs that train, and the library never calls it by itself.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
