"""Transforms of data sets and of single examples."""
