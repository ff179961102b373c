"""Dynamics: update rules of the players. Each turns a game into an `Algorithm`."""

from jaxgan.dynamics.alternating import alternating
from jaxgan.dynamics.consensus import consensus
from jaxgan.dynamics.extragradient import extragradient, past_extragradient
from jaxgan.dynamics.microbatches import microbatched
from jaxgan.dynamics.optimistic import optimistic
from jaxgan.dynamics.proximal_point import proximal_point
from jaxgan.dynamics.simultaneous import simultaneous
from jaxgan.dynamics.symplectic_adjustment import symplectic_adjustment
from jaxgan.dynamics.unrolled import unrolled

__all__ = [
    "alternating",
    "consensus",
    "extragradient",
    "microbatched",
    "optimistic",
    "past_extragradient",
    "proximal_point",
    "simultaneous",
    "symplectic_adjustment",
    "unrolled",
]
