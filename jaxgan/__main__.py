"""The entry of the command line, also as `python -m jaxgan`."""

import signal
import sys


def main() -> None:
    """Run a command; Ctrl-C while the libraries are loaded ends it without a word."""
    handler = signal.getsignal(signal.SIGINT)
    heeded = handler is signal.default_int_handler  # not ignored, as by nohup
    if heeded:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jaxgan.cli.main import main as command

    try:
        if heeded:
            signal.signal(signal.SIGINT, handler)
        command()
    except KeyboardInterrupt:  # outside of what the command says of it
        sys.exit(128 + signal.SIGINT)
    finally:
        if heeded:  # nor while they end
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
