"""What a player pays for the weights of a network, whatever the round was.

`network` names the network, and its player is the one who owns it: in a game where the
two have different names, `rename(orthogonal("generator"), names={…})`
renames the player. Kernels are the parameters of two or more dimensions, embeddings
among them, as matrices with one column an output.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import InputError, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.precision import wide
from jaxgan.types import Loss, NetworkName, Payments, Round, Term, Tree, Variables


def orthogonal_penalty(
    network: NetworkName = "generator", weight: float | Array = 1e-4
) -> Loss:
    """BigGAN's orthogonal regularization: filters at right angles, of any length.

        the network's player pays β · Σ over kernels of ‖WᵀW ⊙ (1 - I)‖²

    W has a column for each output channel. The diagonal is left out, unlike in the
    older ‖WᵀW - I‖²; BigGAN's official code spares the shared embedding.

    Args:
        network: whose kernels, and who pays.
        weight: β ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Brock et al. 2018, arXiv:1809.11096, equation 3.

        >>> from jaxgan import chain, hinge, orthogonal_penalty
        >>> loss = chain(hinge(), orthogonal_penalty("generator", 1e-4))
    """

    def penalty(kernel: Float[Array, "n m"]) -> Float[Array, ""]:
        product = kernel.T @ kernel
        off = jnp.where(jnp.eye(len(product), dtype=bool), 0.0, product)
        return jnp.square(off).sum()

    return _on_kernels("orthogonal_penalty", network, weight, penalty)


def weight_decay_penalty(
    network: NetworkName = "discriminator", weight: float | Array = 1e-4
) -> Loss:
    """L2 regularization of the kernels; biases and scales are spared.

        the network's player pays λ/2 · Σ over kernels of ‖W‖²

    Its gradient is λW, coupled with the optimizer's moments; `optax.adamw` decays
    decoupled from them. compare_gan's l2_penalty averages over variables instead.

    Args:
        network: whose kernels, and who pays.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Kurach et al. 2018, arXiv:1807.04720.

        >>> from jaxgan import chain, weight_decay_penalty, non_saturating
        >>> loss = chain(non_saturating(), weight_decay_penalty("discriminator", 1e-4))
    """

    def penalty(kernel: Float[Array, "n m"]) -> Float[Array, ""]:
        return 0.5 * jnp.square(kernel).sum()

    return _on_kernels("weight_decay_penalty", network, weight, penalty)


class History(NamedTuple):
    """The mean of all parameters so far."""

    mean: Tree
    moves: Int[Array, ""]


def historical_averaging(
    network: NetworkName = "generator", weight: float | Array = 1.0
) -> Loss:
    """A pull towards the mean of all the parameters that there have been.

        the network's player pays λ · ‖θ - (θ₀ + … + θₜ₋₁) / t‖²

    The mean is the term's state, begins with the initial parameters and moves once in
    each of the player's substeps.

    Args:
        network: whose parameters, and who pays.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.3.

        >>> from jaxgan import chain, historical_averaging, non_saturating
        >>> loss = chain(non_saturating(), historical_averaging("generator", 0.1))
    """
    name = "historical_averaging"
    check_non_negative(f"{name}: weight", weight)

    def init(variables: Mapping[NetworkName, Variables]) -> History:
        params = _of(name, network, variables).params
        return History(jax.tree.map(_copy, params), jnp.int32(0))

    def evaluate(
        record: Round, history: History, key: Array
    ) -> tuple[Payments, History]:
        del key
        params = _of(name, network, record.params)
        squares = jax.tree.map(
            lambda new, mean: jnp.square(wide(new) - mean).sum(),
            params,
            history.mean,
        )
        moves = history.moves + 1
        mean = jax.tree.map(
            lambda mean, new: mean + (wide(new) - mean) / moves.astype(mean.dtype),
            history.mean,
            jax.lax.stop_gradient(params),
        )
        return {network: weight * _sum(squares)}, History(mean, moves)

    return Loss({name: Term(init, evaluate, state_owner=network)})


def _on_kernels(
    name: str,
    network: NetworkName,
    weight: float | Array,
    penalty: Callable[[Float[Array, "n m"]], Float[Array, ""]],
) -> Loss:
    check_non_negative(f"{name}: weight", weight)

    def evaluate(record: Round, key: Array) -> Payments:
        del key
        kernels = [
            wide(leaf).reshape(-1, leaf.shape[-1])
            for leaf in jax.tree.leaves(_of(name, network, record.params))
            if leaf.ndim > 1
        ]
        return {network: weight * _sum([penalty(kernel) for kernel in kernels])}

    return stateless(evaluate, name)


def _copy(x: Array) -> Array:
    return jnp.copy(wide(x))  # in bfloat16 a long mean would stop moving


def _of(term: str, network: NetworkName, networks: Mapping[NetworkName, Tree]) -> Tree:
    if network not in networks:
        raise InputError(
            f"{term}: network {network!r} is not in the game; its networks are "
            f"{sorted(networks)}."
        )
    return networks[network]


def _sum(terms: Tree) -> Float[Array, ""]:
    leaves: list[Array] = jax.tree.leaves(terms) or [jnp.float32(0)]
    return sum(leaves[1:], start=leaves[0])
