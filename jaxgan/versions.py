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
    """Of Python and of these packages, as they are installed."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}
