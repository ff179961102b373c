"""Penalties on parameters: orthogonal regularization, weight decay, history.

`network` is the name of the network. Its player pays, and is assumed to have the same
name; if it has another, `rename(orthogonal_penalty("generator"), names={…})` renames
the player. Kernels are all parameters with two or more axes, including embeddings. They
are reshaped to matrices with one column for each output.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.errors import InputError, check_name, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, NetworkName, Round, Term, Tree, Variables


def orthogonal_penalty(
    network: NetworkName = "generator", *, weight: float | Array = 1e-4
) -> Loss:
    """Create BigGAN's orthogonal regularization, which leaves filter norms free.

        the network's player pays β · Σ over kernels of ‖WᵀW ⊙ (1 - I)‖²

    W has one column for each output channel. The diagonal is excluded, unlike in the
    older ‖WᵀW - I‖². BigGAN's official code does not penalize the shared embedding.

    Args:
        network: the network whose kernels are penalized; its player pays.
        weight: β ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Brock et al. 2018, arXiv:1809.11096, equation 3.

        >>> from jaxgan import chain, hinge
        >>> from jaxgan.penalties import orthogonal_penalty
        >>> loss = chain(hinge(), orthogonal_penalty("generator", weight=1e-4))
    """

    def penalty(kernel: Float[Array, "n m"]) -> Float[Array, ""]:
        product = kernel.T @ kernel
        off = jnp.where(jnp.eye(len(product), dtype=bool), 0.0, product)
        return jnp.square(off).sum()

    return _kernel_penalty("orthogonal_penalty", network, weight, penalty)


def weight_decay_penalty(
    network: NetworkName = "discriminator", *, weight: float | Array = 1e-4
) -> Loss:
    """Create L2 regularization (weight decay) of the kernels, not of biases or scales.

        the network's player pays λ/2 · Σ over kernels of ‖W‖²

    Its gradient is λW and enters the optimizer's moments. For decoupled weight decay
    use `optax.adamw`. compare_gan's l2_penalty averages over variables instead.

    Args:
        network: the network whose kernels are penalized; its player pays.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Kurach et al. 2018, arXiv:1807.04720.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.penalties import weight_decay_penalty
        >>> decay = weight_decay_penalty("discriminator", weight=1e-4)
        >>> loss = chain(non_saturating(), decay)
    """

    def penalty(kernel: Float[Array, "n m"]) -> Float[Array, ""]:
        return 0.5 * jnp.square(kernel).sum()

    return _kernel_penalty("weight_decay_penalty", network, weight, penalty)


class History(NamedTuple):
    """Mean of all past parameters, and the number of updates."""

    mean: Tree
    moves: Int[Array, ""]


def historical_averaging(
    network: NetworkName = "generator", *, weight: float | Array = 1.0
) -> Loss:
    """Create historical averaging: a penalty on the distance from past parameters.

        the network's player pays λ · ‖θ - (θ₀ + … + θₜ₋₁) / t‖²

    The mean of the past parameters is the term's state. It starts at the initial
    parameters and is updated once in each of the player's substeps.

    Args:
        network: the network whose parameters are penalized; its player pays.
        weight: λ ≥ 0; may be traced.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, or, when the game
            is built, if it has no such network.

    Reference: Salimans et al. 2016, arXiv:1606.03498, section 3.3.

        >>> from jaxgan import chain, non_saturating
        >>> from jaxgan.penalties import historical_averaging
        >>> pull = historical_averaging("generator", weight=0.1)
        >>> loss = chain(non_saturating(), pull)
    """
    name = "historical_averaging"
    check_name(f"{name}: network", network)
    check_non_negative(f"{name}: weight", weight)

    def init(variables: Mapping[NetworkName, Variables]) -> History:
        params = _require_network(name, network, variables).params
        return History(jax.tree.map(_copy_at_least_float32, params), jnp.int32(0))

    def evaluate(record: Round, history: History, key: Array) -> tuple[Losses, History]:
        del key
        params = _require_network(name, network, record.params)
        squares = jax.tree.map(
            lambda new, mean: jnp.square(at_least_float32(new) - mean).sum(),
            params,
            history.mean,
        )
        moves = history.moves + 1
        mean = jax.tree.map(
            lambda mean, new: (
                mean + (at_least_float32(new) - mean) / moves.astype(mean.dtype)
            ),
            history.mean,
            jax.lax.stop_gradient(params),
        )
        return {network: weight * _sum_leaves(squares)}, History(mean, moves)

    return Loss({name: Term(init, evaluate, state_owner=network)})


def _kernel_penalty(
    name: str,
    network: NetworkName,
    weight: float | Array,
    penalty: Callable[[Float[Array, "n m"]], Float[Array, ""]],
) -> Loss:
    check_name(f"{name}: network", network)
    check_non_negative(f"{name}: weight", weight)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        kernels = [
            at_least_float32(leaf).reshape(-1, leaf.shape[-1])
            for leaf in jax.tree.leaves(_require_network(name, network, record.params))
            if leaf.ndim > 1
        ]
        return {network: weight * _sum_leaves([penalty(kernel) for kernel in kernels])}

    return stateless(evaluate, name=name)


def _copy_at_least_float32(x: Array) -> Array:
    return jnp.copy(
        at_least_float32(x)
    )  # in bfloat16 a mean over many steps would stop changing


def _require_network(
    term: str, network: NetworkName, networks: Mapping[NetworkName, Tree]
) -> Tree:
    if network not in networks:
        raise InputError(
            f"{term}: network {network!r} is not in the game; its networks are "
            f"{sorted(networks)}."
        )
    return networks[network]


def _sum_leaves(terms: Tree) -> Float[Array, ""]:
    leaves: list[Array] = jax.tree.leaves(terms) or [jnp.float32(0)]
    return sum(leaves[1:], start=leaves[0])
