"""The command `jaxgan`: prints the version itself, which needs no JAX."""

import importlib.metadata
import sys


def main() -> None:
    """Print the version if that is all that is asked for, else run a command."""
    if sys.argv[1:] == ["--version"]:
        print(f"jaxgan {importlib.metadata.version('jaxgan')}")
        return
    from jaxgan.cli.main import main as run  # seconds to import

    run()
