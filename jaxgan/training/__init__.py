"""Experiments, runs and the training loop."""
