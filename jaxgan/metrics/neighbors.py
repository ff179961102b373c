"""Precision, recall, density and coverage of one search for neighbors."""

from jaxgan.metrics.density_coverage import density_coverage_of
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.nearest.manifold import overlaps
from jaxgan.metrics.precision_recall import precision_recall_of


def neighbors_metric(
    precision_recall_k: int = 3, density_coverage_k: int = 5
) -> Metric:
    """Precision, recall, density and coverage, as an evaluation takes them.

    Args:
        precision_recall_k: neighbors that make the balls of precision and recall.
        density_coverage_k: likewise of density and coverage.
    """
    ks = {
        "precision_recall_k": precision_recall_k,
        "density_coverage_k": density_coverage_k,
    }
    return Metric(
        "neighbors",
        _of_features,
        ks,
        min_samples=max(ks.values()) + 1,
        scores=("precision", "recall", "density", "coverage"),
    )


def _of_features(
    real: Features, fake: Features, precision_recall_k: int, density_coverage_k: int
) -> dict[str, Estimate]:
    ks = (precision_recall_k, density_coverage_k)
    near, wide = overlaps(real.features, fake.features, ks)
    return {
        **precision_recall_of(near)._asdict(),
        **density_coverage_of(wide)._asdict(),
    }
