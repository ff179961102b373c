"""The versions that decide a run's bits and a score's digits."""

import importlib.metadata
import platform

PACKAGES = (
    "jaxgan",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "scipy",
    "pillow",
)


def versions() -> dict[str, str]:
    """Return the installed versions of Python and of these packages."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}
