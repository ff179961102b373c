"""`python -m jaxgan`: the command line."""

from jaxgan_command import main

if __name__ == "__main__":
    main()
