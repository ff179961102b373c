"""Reports of a run: log, figures and tables."""
