"""`python -m jaxgan`: the command line."""

from jaxgan.cli.main import main

if __name__ == "__main__":
    main()
