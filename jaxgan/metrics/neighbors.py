"""Precision, recall, density and coverage from one nearest-neighbor search."""

from jaxgan.errors import check_positive_int
from jaxgan.metrics.density_coverage import density_coverage_of
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.features.extractor import Features
from jaxgan.metrics.metric import Metric
from jaxgan.metrics.nearest.manifold import overlaps
from jaxgan.metrics.precision_recall import precision_recall_of


def neighbors_metric(
    precision_recall_k: int = 3, density_coverage_k: int = 5
) -> Metric:
    """Make the metric of precision, recall, density and coverage for an `Evaluation`.

    Args:
        precision_recall_k: number of neighbors for precision and recall.
        density_coverage_k: number of neighbors for density and coverage.

    Raises:
        InputError: if an argument is invalid.
    """
    check_positive_int("neighbors: precision_recall_k", precision_recall_k)
    check_positive_int("neighbors: density_coverage_k", density_coverage_k)
    ks = {
        "precision_recall_k": precision_recall_k,
        "density_coverage_k": density_coverage_k,
    }
    return Metric(
        "neighbors",
        _neighbors,
        ks,
        min_samples=max(ks.values()) + 1,
        scores=("precision", "recall", "density", "coverage"),
    )


def _neighbors(
    real: Features, fake: Features, precision_recall_k: int, density_coverage_k: int
) -> dict[str, Estimate]:
    ks = (precision_recall_k, density_coverage_k)
    near, wide = overlaps(real.features, fake.features, ks)
    return {
        **precision_recall_of(near)._asdict(),
        **density_coverage_of(wide)._asdict(),
    }
