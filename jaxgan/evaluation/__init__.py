"""Scores of a game's outputs."""
