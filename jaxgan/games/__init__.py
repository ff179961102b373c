"""Games: their players, networks and rounds, and priors of latents."""

from jaxgan.games import priors
from jaxgan.games.adversarial_autoencoder import (
    AdversarialCoding,
    adversarial_autoencoder,
)
from jaxgan.games.autoencoder import autoencoder
from jaxgan.games.coding import Coding, DrawnCoding
from jaxgan.games.evidence import Evidence, evidence
from jaxgan.games.gan import gan
from jaxgan.games.pairing import joint, separate
from jaxgan.games.rounds import as_score, score_round
from jaxgan.games.start import start_from
from jaxgan.games.vae import vae
from jaxgan.games.vae_gan import CodedRound, vae_gan
from jaxgan.types import Turn

__all__ = [
    "AdversarialCoding",
    "CodedRound",
    "Coding",
    "DrawnCoding",
    "Evidence",
    "Turn",
    "adversarial_autoencoder",
    "as_score",
    "autoencoder",
    "evidence",
    "gan",
    "joint",
    "priors",
    "score_round",
    "separate",
    "start_from",
    "vae",
    "vae_gan",
]
