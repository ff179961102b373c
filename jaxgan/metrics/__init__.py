"""Metrics for generative models, computed in float64 with standard errors.

Each module holds one metric, or a few that share their computation. A metric of two
sets takes the real set first and the fake set second. It returns an `Estimate`, or a
named tuple that begins with the same fields.
"""
