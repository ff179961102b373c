"""Feature extractors for metrics, and readers of their weight files."""
