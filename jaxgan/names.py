"""The central names, which are at top level: the types and the verbs."""

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

__all__ = [
    "Algorithm",
    "Batch",
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
    "alternating",
    "chain",
    "data_parallel",
    "ema",
    "every",
    "extragradient",
    "focus",
    "from_linen",
    "from_nnx",
    "gan",
    "gradient_penalty",
    "hinge",
    "hyper_grid",
    "least_squares",
    "microbatched",
    "minimax",
    "mlp",
    "non_saturating",
    "population",
    "priors",
    "r1",
    "r2",
    "rename",
    "score_round",
    "shuffled",
    "simultaneous",
    "wasserstein",
    "weighted",
]
