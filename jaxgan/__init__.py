"""jaxgan: generative adversarial networks as pure functions in JAX.

The types and the central verbs are here; everything else is in the namespaces:
`jg.losses`, `jg.penalties`, `jg.games`, `jg.dynamics`, `jg.algorithms`, `jg.networks`,
`jg.views`, `jg.data`, `jg.optimizers`, and, loaded when they are used, `jg.metrics`,
`jg.evaluation`, `jg.sampling`, `jg.theory`, `jg.reporting` and `jg.training`.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from jaxgan import (
    algorithms,
    data,
    dynamics,
    games,
    losses,
    networks,
    optimizers,
    penalties,
    views,
)
from jaxgan.algorithms.data_parallel import data_parallel
from jaxgan.algorithms.ema import ema
from jaxgan.algorithms.population import hyper_grid, population
from jaxgan.data.sources import shuffled
from jaxgan.dynamics.alternating import alternating
from jaxgan.dynamics.extragradient import extragradient
from jaxgan.dynamics.microbatches import microbatched
from jaxgan.dynamics.simultaneous import simultaneous
from jaxgan.errors import InputError
from jaxgan.games import priors
from jaxgan.games.gan import gan
from jaxgan.games.rounds import score_round
from jaxgan.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    wasserstein,
)
from jaxgan.losses.combine import chain, every, focus, rename, weighted
from jaxgan.losses.gradient_penalties import gradient_penalty, r1, r2
from jaxgan.networks.linen import from_linen
from jaxgan.networks.mlp import mlp
from jaxgan.networks.nnx import from_nnx
from jaxgan.types import (
    Algorithm,
    Batch,
    Game,
    Info,
    Loss,
    Network,
    Record,
    Round,
    Score,
    State,
    Term,
    Variables,
    View,
)

if TYPE_CHECKING:
    from jaxgan import evaluation, metrics, reporting, sampling, theory, training
    from jaxgan.training import Experiment, create_run, load_run, sample, train

__version__ = importlib.metadata.version("jaxgan")

_NAMESPACES = {"sampling", "training", "theory", "reporting", "evaluation", "metrics"}
_OF_TRAINING = {"train", "Experiment", "load_run", "create_run", "sample"}


def __getattr__(name: str) -> Any:
    """Load the heavier namespaces when they are first used."""
    if name in _NAMESPACES:
        return importlib.import_module(f"jaxgan.{name}")
    if name in _OF_TRAINING:
        return getattr(importlib.import_module("jaxgan.training"), name)
    raise AttributeError(f"module 'jaxgan' has no attribute {name!r}")


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
