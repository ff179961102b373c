"""Wrappers that make a network from other networks."""
