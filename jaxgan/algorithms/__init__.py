"""Transformations of algorithms: EMA, lookahead, populations, data parallelism."""
