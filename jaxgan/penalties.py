"""Penalties and regularizers of discriminators, generators and weights."""

from jaxgan.losses.consistency import (
    balanced_consistency,
    consistency,
    latent_consistency,
)
from jaxgan.losses.generator_terms import mode_seeking, path_length, pulling_away
from jaxgan.losses.gradient_penalties import (
    dragan,
    gradient_penalty,
    interpolates,
    max_gradient_penalty,
    perturbed_reals,
    r1,
    r2,
    zero_centered_penalty,
)
from jaxgan.losses.score_penalties import drift_penalty, lecam
from jaxgan.losses.weight_penalties import (
    historical_averaging,
    orthogonal_penalty,
    weight_decay_penalty,
)

__all__ = [
    "balanced_consistency",
    "consistency",
    "dragan",
    "drift_penalty",
    "gradient_penalty",
    "historical_averaging",
    "interpolates",
    "latent_consistency",
    "lecam",
    "max_gradient_penalty",
    "mode_seeking",
    "orthogonal_penalty",
    "path_length",
    "perturbed_reals",
    "pulling_away",
    "r1",
    "r2",
    "weight_decay_penalty",
    "zero_centered_penalty",
]
