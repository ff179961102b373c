"""GAN losses, penalties and regularizers, and functions that combine them."""

from jaxgan.losses import divergences, likelihoods
from jaxgan.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
)
from jaxgan.losses.balance import gradient_balanced
from jaxgan.losses.classifiers import (
    auxiliary_classifier,
    auxiliary_discriminative_classifier,
    multi_hinge,
)
from jaxgan.losses.combine import chain, every, focus, rename, stateless, weighted
from jaxgan.losses.divergences import Divergence, f_divergence
from jaxgan.losses.energy import boundary_equilibrium, energy_based
from jaxgan.losses.evidence import Posterior, importance_weighted, kl_to_prior
from jaxgan.losses.generator_terms import feature_matching
from jaxgan.losses.kernels import cramer, gaussian, mmd, rational_quadratic
from jaxgan.losses.lenses import multi_scale, top_k
from jaxgan.losses.likeness import (
    absolute_error,
    features_of,
    likeness,
    squared_error,
)
from jaxgan.losses.pointwise import Targets, pointwise, uniform_targets
from jaxgan.losses.relativistic import relativistic, relativistic_average
from jaxgan.losses.sinkhorn import sinkhorn

__all__ = [
    "Divergence",
    "Posterior",
    "Targets",
    "absolute_error",
    "auxiliary_classifier",
    "auxiliary_discriminative_classifier",
    "boundary_equilibrium",
    "chain",
    "cramer",
    "divergences",
    "energy_based",
    "every",
    "f_divergence",
    "feature_matching",
    "features_of",
    "focus",
    "gaussian",
    "gradient_balanced",
    "hinge",
    "importance_weighted",
    "kl_to_prior",
    "least_squares",
    "likelihoods",
    "likeness",
    "minimax",
    "mmd",
    "multi_hinge",
    "multi_scale",
    "non_saturating",
    "pointwise",
    "rational_quadratic",
    "relativistic",
    "relativistic_average",
    "rename",
    "sinkhorn",
    "squared_error",
    "stateless",
    "top_k",
    "uniform_targets",
    "wasserstein",
    "weighted",
]
