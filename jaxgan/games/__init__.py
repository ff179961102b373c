"""Games: their players, networks and rounds, and priors of latents."""

from jaxgan.games import priors
from jaxgan.games.autoencoder import autoencoder
from jaxgan.games.coding import Coding, DrawnCoding
from jaxgan.games.gan import gan
from jaxgan.games.pairing import joint, separate
from jaxgan.games.rounds import as_score, score_round
from jaxgan.games.start import start_from
from jaxgan.games.vae import vae
from jaxgan.types import Turn

__all__ = [
    "Coding",
    "DrawnCoding",
    "Turn",
    "as_score",
    "autoencoder",
    "gan",
    "joint",
    "priors",
    "score_round",
    "separate",
    "start_from",
    "vae",
]
