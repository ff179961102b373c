"""Data: arrays, and sources that turn them into each step's batches."""
