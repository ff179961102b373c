"""Metrics: features or samples in, a number and its error out, in float64.

One file is one metric, or a few that share their computation. Those that compare two
sets take the real one first, then the fake one, and return an `Estimate` or a named
tuple that begins like one.
"""
