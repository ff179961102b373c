"""Sampling from trained games, and interpolation between latents."""
