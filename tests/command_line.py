"""The command line, in this process, as a user would type it."""

from jaxgan.cli.main import main


def run(*arguments):
    """The exit status."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code or 0
    return 0
