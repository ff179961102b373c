"""Evaluation of a game's outputs: reference data, extractors and scores."""
