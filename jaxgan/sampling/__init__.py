"""Outputs of trained games: samples, and paths between latents."""
