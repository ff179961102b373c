"""Exponential moving averages of weights, which usually give better samples."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxgan.errors import InputError, check_decay, check_instance, check_names
from jaxgan.types import Algorithm, Batch, Info, State, Variables


def ema(
    algorithm: Algorithm,
    decay: float | jax.Array = 0.999,
    *,
    networks: Sequence[str] | None = None,
) -> Algorithm:
    """Keep an exponential moving average of some networks in `State.ema`.

        average ← d·average + (1 - d)·params,  d = min(decay, (1 + t) / (10 + t))

    after iteration t = 1, 2, …. The ramp of d makes early averages follow the weights
    closely, so that they forget the initial ones. Parameters are averaged and
    statistics copied. Training itself is unchanged, bit for bit.

    Args:
        algorithm: any.
        decay: of one iteration, in [0, 1); may be traced.
        networks: names of the networks to average; by default the trained networks that
            the game's outputs call, such as a GAN's generator.

    Raises:
        InputError: if a concrete `decay` is outside [0, 1), if the game has no outputs
            and no networks are named, or, at `init`, if a name is not that of a
            trained network.

    Reference: Yazıcı et al. 2018, arXiv:1806.04498; the ramp is TensorFlow's.

        >>> from jaxgan import ema
        >>> ema(algorithm, decay=0.99)  # doctest: +SKIP
    """
    check_instance("ema: algorithm", algorithm, Algorithm, "alternating(…)")
    check_decay("ema: decay", decay)
    if networks is not None:
        check_names("ema: networks", networks)
    names = algorithm.output_networks if networks is None else tuple(networks)
    if not names:
        raise InputError(
            "ema: the game has no outputs, so no networks are averaged by default; "
            "name some with networks=…."
        )

    def init(key: jax.Array) -> State:
        state = algorithm.init(key)
        unknown = sorted(set(names) - set(state.variables))
        if unknown:
            raise InputError(
                f"ema: networks {unknown} are not among the trained ones, "
                f"{sorted(state.variables)}."
            )
        # A copy, since donated buffers must not be shared.
        copy = {name: state.variables[name] for name in names}
        return state._replace(ema=jax.tree.map(jnp.copy, copy))

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        state, info = algorithm.step(state, batches)
        t = state.step.astype(jnp.float32)
        d = jnp.minimum(decay, (1 + t) / (10 + t))

        def follow(old: Variables, new: Variables) -> Variables:
            params = jax.tree.map(
                lambda a, p: (d * a + (1 - d) * p).astype(a.dtype),
                old.params,
                new.params,
            )
            return Variables(params, jax.tree.map(jnp.copy, new.stats))

        average = {
            name: follow(old, state.variables[name]) for name, old in state.ema.items()
        }
        return state._replace(ema=average), info

    return algorithm._replace(init=init, step=step)
