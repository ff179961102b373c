"""Records of games in which reals are encoded and decoded."""

import dataclasses

import jax

from jaxgan.losses.evidence import Posterior
from jaxgan.types import Record, Tree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Coding(Record):
    """The record of a round of an autoencoder.

    code:    of each real, (b, d).
    decoded: what the decoder makes of it.
    """

    code: Tree
    decoded: Tree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DrawnCoding(Coding):
    """The record of a round of a variational autoencoder.

    posterior: q(z | x) of each real, of which the codes are draws. With k draws codes
               are (b, k, d) and what is decoded (b, k, …).
    """

    posterior: Posterior
