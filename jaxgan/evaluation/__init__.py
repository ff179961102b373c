"""Evaluation of a game's outputs: reference data, extractors and scores."""

from jaxgan.evaluation.evaluator import Evaluation, by_classifier, evaluate, reference
from jaxgan.evaluation.suite import (
    ALL_METRICS,
    CLASS_METRICS,
    FEATURE_METRICS,
    LABEL_METRICS,
)

__all__ = [
    "ALL_METRICS",
    "CLASS_METRICS",
    "FEATURE_METRICS",
    "LABEL_METRICS",
    "Evaluation",
    "by_classifier",
    "evaluate",
    "reference",
]
