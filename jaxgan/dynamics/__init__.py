"""Dynamics: how the players of a game move. Each turns a game into an `Algorithm`."""
