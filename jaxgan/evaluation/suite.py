"""The default metrics of an evaluation, and all metrics selectable by name."""

from jaxgan.metrics.frechet import frechet_metric
from jaxgan.metrics.frechet_infinity import frechet_infinity_metric
from jaxgan.metrics.inception_score import inception_score_metric
from jaxgan.metrics.intra_class import intra_class_metric
from jaxgan.metrics.kid import kid_metric
from jaxgan.metrics.memorization import authenticity_metric
from jaxgan.metrics.modes import class_shares_metric, conditional_accuracy_metric
from jaxgan.metrics.neighbors import neighbors_metric
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_metric

FEATURE_METRICS = (frechet_metric(), kid_metric(), neighbors_metric())
"""Metrics for any extractor."""

CLASS_METRICS = (*FEATURE_METRICS, inception_score_metric(), class_shares_metric())
"""Metrics for an extractor that predicts classes."""

LABEL_METRICS = (conditional_accuracy_metric(), intra_class_metric())
"""Metrics of conditional generators, for a classifier of the labels' classes."""

ALL_METRICS = (
    *CLASS_METRICS,
    *LABEL_METRICS,
    frechet_infinity_metric(),
    sliced_wasserstein_metric(),
    authenticity_metric(),
)
"""All metrics that can be selected by name."""
