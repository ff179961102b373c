"""jaxgan: generative adversarial networks as pure functions in JAX.

The types and the central verbs are here; everything else is in the namespaces:
`jg.losses`, `jg.penalties`, `jg.games`, `jg.dynamics`, `jg.algorithms`, `jg.networks`,
`jg.views`, `jg.data`, `jg.optimizers`, `jg.metrics`, `jg.evaluation`, `jg.sampling`,
`jg.theory`, `jg.reporting` and `jg.training`. Each is loaded when it is first used, so
that the command line can set up its signals before JAX is imported.
"""

# ruff: noqa: F403, F405
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxgan import (
        algorithms,
        data,
        dynamics,
        evaluation,
        games,
        losses,
        metrics,
        networks,
        optimizers,
        penalties,
        reporting,
        sampling,
        theory,
        training,
        views,
    )
    from jaxgan.names import *
    from jaxgan.training import Experiment, create_run, load_run, sample, train

__version__: str

_NAMESPACES = {
    "algorithms",
    "data",
    "dynamics",
    "evaluation",
    "games",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "penalties",
    "reporting",
    "sampling",
    "theory",
    "training",
    "views",
}
_OF_TRAINING = {"train", "Experiment", "load_run", "create_run", "sample"}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("jaxgan")
    if name in _NAMESPACES:
        return importlib.import_module(f"jaxgan.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'jaxgan' has no attribute {name!r}")
    home = "jaxgan.training" if name in _OF_TRAINING else "jaxgan.names"
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return [*__all__]


__all__ = [
    "Algorithm",
    "Batch",
    "Experiment",
    "Game",
    "Info",
    "InputError",
    "Loss",
    "Network",
    "Record",
    "Round",
    "Score",
    "State",
    "Term",
    "Variables",
    "View",
    "__version__",
    "algorithms",
    "alternating",
    "chain",
    "create_run",
    "data",
    "data_parallel",
    "dynamics",
    "ema",
    "evaluation",
    "every",
    "extragradient",
    "focus",
    "from_linen",
    "from_nnx",
    "games",
    "gan",
    "gradient_penalty",
    "hinge",
    "hyper_grid",
    "least_squares",
    "load_run",
    "losses",
    "metrics",
    "microbatched",
    "minimax",
    "mlp",
    "networks",
    "non_saturating",
    "optimizers",
    "penalties",
    "population",
    "priors",
    "r1",
    "r2",
    "rename",
    "reporting",
    "sample",
    "sampling",
    "score_round",
    "shuffled",
    "simultaneous",
    "theory",
    "train",
    "training",
    "views",
    "wasserstein",
    "weighted",
]
