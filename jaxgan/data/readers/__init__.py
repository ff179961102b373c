"""Readers of data sets: files, folders, TFDS and synthetic sets."""
