"""Dynamics: update rules of the players. Each turns a game into an `Algorithm`."""
