"""Transforms of data sets and of their examples."""
