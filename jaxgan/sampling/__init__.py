"""Sampling from trained games, and interpolation between latents."""

from jaxgan.sampling.inputs import Input, caption, images, label
from jaxgan.sampling.interpolation import interpolate, lerp, slerp, traverse
from jaxgan.sampling.outputs import best_variables, draw_examples, draw_latents, maker

__all__ = [
    "Input",
    "best_variables",
    "caption",
    "draw_examples",
    "draw_latents",
    "images",
    "interpolate",
    "label",
    "lerp",
    "maker",
    "slerp",
    "traverse",
]
