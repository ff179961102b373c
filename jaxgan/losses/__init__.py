"""Losses: what each player pays for a round of play."""
