"""Nearest-neighbor search in feature space."""
