"""Metrics for generative models, computed in float64 with standard errors.

Each module holds one metric, or a few that share their computation. A metric of two
sets takes the real set first and the fake set second. It returns an `Estimate`, or a
named tuple that begins with the same fields.
"""

from jaxgan.metrics.density_coverage import density_coverage
from jaxgan.metrics.displacement import displacement
from jaxgan.metrics.elbo import importance_weighted_bound
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.classifier import trained_classifier
from jaxgan.metrics.features.extractor import Extractor, Features, as_uint8, pixels
from jaxgan.metrics.features.inception import inception
from jaxgan.metrics.frechet import (
    Statistics,
    frechet_distance,
    frechet_metric,
    merge_statistics,
    statistics,
)
from jaxgan.metrics.frechet_infinity import frechet_infinity, frechet_infinity_metric
from jaxgan.metrics.image_similarity import ms_ssim, psnr, ssim
from jaxgan.metrics.inception_score import inception_score, inception_score_metric
from jaxgan.metrics.intra_class import intra_class_frechet, intra_class_metric
from jaxgan.metrics.kid import kid, kid_metric
from jaxgan.metrics.laplacian_swd import laplacian_swd
from jaxgan.metrics.memorization import (
    authenticity,
    authenticity_metric,
    nearest_examples,
)
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.mmd import cmmd, polynomial, rbf, squared_mmd
from jaxgan.metrics.modes import (
    class_modes,
    class_shares,
    class_shares_metric,
    conditional_accuracy_metric,
    count_modes,
)
from jaxgan.metrics.ms_ssim_diversity import ms_ssim_diversity
from jaxgan.metrics.neighbors import neighbors_metric
from jaxgan.metrics.pairs import displacement_metric, restoration_metric
from jaxgan.metrics.parzen import parzen_log_likelihood
from jaxgan.metrics.perceptual_path_length import perceptual_path_length
from jaxgan.metrics.precision_recall import precision_recall
from jaxgan.metrics.protocol import Measurement, Protocol, difference, read_scores
from jaxgan.metrics.sliced_wasserstein import (
    sliced_wasserstein,
    sliced_wasserstein_metric,
)
from jaxgan.metrics.wasserstein import earth_movers_distance, wasserstein_1d

__all__ = [
    "Estimate",
    "Extractor",
    "Features",
    "Measurement",
    "Metric",
    "Protocol",
    "Statistics",
    "as_uint8",
    "authenticity",
    "authenticity_metric",
    "class_modes",
    "class_shares",
    "class_shares_metric",
    "cmmd",
    "conditional_accuracy_metric",
    "count_modes",
    "density_coverage",
    "difference",
    "displacement",
    "displacement_metric",
    "earth_movers_distance",
    "frechet_distance",
    "frechet_infinity",
    "frechet_infinity_metric",
    "frechet_metric",
    "importance_weighted_bound",
    "inception",
    "inception_score",
    "inception_score_metric",
    "intra_class_frechet",
    "intra_class_metric",
    "kid",
    "kid_metric",
    "laplacian_swd",
    "merge_statistics",
    "ms_ssim",
    "ms_ssim_diversity",
    "nearest_examples",
    "neighbors_metric",
    "parzen_log_likelihood",
    "perceptual_path_length",
    "pixels",
    "polynomial",
    "precision_recall",
    "psnr",
    "rbf",
    "read_scores",
    "restoration_metric",
    "sliced_wasserstein",
    "sliced_wasserstein_metric",
    "squared_mmd",
    "ssim",
    "statistics",
    "trained_classifier",
    "wasserstein_1d",
]
