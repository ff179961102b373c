"""Public names and the command line are called with values that have no meaning."""
