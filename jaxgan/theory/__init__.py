"""Theory: games with known dynamics, exact divergences and optimal discriminators."""

from jaxgan.theory import densities, discriminators, divergences, gaussians
from jaxgan.theory.games import bilinear, dirac_gan, quadratic
from jaxgan.theory.spectrum import eigenvalues, jacobian, spectral_radius

__all__ = [
    "bilinear",
    "densities",
    "dirac_gan",
    "discriminators",
    "divergences",
    "eigenvalues",
    "gaussians",
    "jacobian",
    "quadratic",
    "spectral_radius",
]
