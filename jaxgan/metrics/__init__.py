"""Metrics: features or samples in, numbers out, in float64."""
