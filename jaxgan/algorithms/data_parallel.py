"""Data parallelism: the same step, with the batch sharded over devices.

The step is compiled for a mesh with one axis, "data". The state is replicated, batches
and latents are sharded, and the compiler inserts the sums over devices. The batch is
global by construction. So BatchNorm, batch averages and random numbers are the same as
on one device, and so is the result.
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from jaxgan.errors import InputError
from jaxgan.types import Algorithm, Batch, Game, Info, State, Tree


def data_parallel(
    dynamics: Callable[[Game], Algorithm],
    game: Game,
    devices: Sequence[jax.Device] | None = None,
    *,
    donate: bool = False,
) -> Algorithm:
    """Compile an algorithm for one or several devices.

    It takes the dynamics and not an algorithm, because the latents, which are drawn
    inside the step, must be sharded too. Otherwise every device would generate all
    fakes.

    Args:
        dynamics: builds the algorithm, `lambda game: alternating(game, …)`.
        game: to build it on.
        devices: to use; by default all of this process.
        donate: let `step` reuse the memory of its input state, which must then not be
            used again.

    Returns:
        An algorithm whose functions are jitted and whose state is replicated.

    Raises:
        InputError: if a batch of reals or of latents does not split evenly.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, alternating, gan, mlp, non_saturating, priors
        >>> from jaxgan import data_parallel
        >>> game = gan(mlp((2,)), mlp(()), non_saturating(), priors.normal(16))
        >>> optimizers = {player: optax.adam(1e-3) for player in game.players}
        >>> algorithm = data_parallel(
        ...     lambda game: alternating(game, optimizers, Batch(jnp.zeros((8, 2)))),
        ...     game,
        ... )
        >>> state = algorithm.init(jax.random.key(0))
    """
    mesh = _mesh(devices)
    whole = replicated(devices)
    split = NamedSharding(mesh, PartitionSpec("data"))

    def prior(key: Array, n: int, condition: tuple[Tree, ...]) -> Tree:
        _check_even("latents", n, mesh.size)
        return jax.lax.with_sharding_constraint(game.prior(key, n, condition), split)

    algorithm = dynamics(game._replace(prior=prior))

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        for leaf in jax.tree.leaves(batches):
            _check_even("a batch", leaf.shape[0], mesh.size)
        batches = jax.lax.with_sharding_constraint(batches, split)
        return algorithm.step(state, batches)

    return algorithm._replace(
        init=jax.jit(algorithm.init, out_shardings=whole),
        step=jax.jit(
            step,
            out_shardings=whole,
            donate_argnums=0 if donate else (),
        ),
    )


def on_devices(
    source: Callable[[int, int], tuple[Batch, ...]],
    devices: Sequence[jax.Device] | None = None,
) -> Callable[[int, int], tuple[Batch, ...]]:
    """Make a source that puts its batches on devices, sharded over them.

    If the devices belong to several processes, each process supplies its own rows of
    the global batches.

    Args:
        source: `(seed, step) -> batches`.
        devices: as for `data_parallel`.

    Raises:
        InputError: when the source is called, if a batch does not split evenly.
    """
    mesh = _mesh(devices)
    split = NamedSharding(mesh, PartitionSpec("data"))
    own = mesh.local_mesh.size

    def put(leaf: Array | np.ndarray) -> Array:
        _check_even("a batch", leaf.shape[0], own)
        if own == mesh.size:
            return jax.device_put(leaf, split)
        return jax.make_array_from_process_local_data(split, np.asarray(leaf))

    return lambda seed, step: jax.tree.map(put, source(seed, step))


def replicated(devices: Sequence[jax.Device] | None = None) -> NamedSharding:
    """Return the sharding of the state: a copy on every device."""
    return NamedSharding(_mesh(devices), PartitionSpec())


def _mesh(devices: Sequence[jax.Device] | None) -> Mesh:
    # Auto axes: under the Explicit ones of jax.make_mesh, the compiler replicates a
    # plain step instead of sharding it.
    chosen = np.array(devices or jax.local_devices())
    return Mesh(chosen, ("data",), axis_types=(AxisType.Auto,))


def _check_even(what: str, size: int, devices: int) -> None:
    if size % devices:
        raise InputError(
            f"{what} of {size} does not split evenly over {devices} devices; "
            f"use a multiple of {devices}, or fewer devices."
        )
