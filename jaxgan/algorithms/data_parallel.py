"""Data parallelism: the same step, with the batch sharded over devices.

The step is compiled for a mesh with one axis, "data". Batches and latents are sharded,
the state is replicated or sharded too, and the compiler inserts the sums over devices.
The batch is global by construction. So BatchNorm, batch averages and random numbers are
the same as on one device, and so is the result.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from jaxgan.batch_axis import BATCH_AXIS, whole_batch
from jaxgan.errors import (
    InputError,
    check_choice,
    check_devices,
    check_flag,
    check_function,
    check_instance,
)
from jaxgan.types import (
    Algorithm,
    Batch,
    Game,
    Info,
    Network,
    State,
    Tree,
    Variables,
)

Backend = Literal["jit", "shard_map", "pmap"]
"""How a step is divided between devices."""


def data_parallel(
    dynamics: Callable[[Game], Algorithm],
    game: Game,
    devices: Sequence[jax.Device] | None = None,
    *,
    backend: Backend = "jit",
    shard_state: bool = False,
    donate: bool = False,
) -> Algorithm:
    """Compile an algorithm for one or several devices.

    It takes the dynamics and not an algorithm, because the latents, which are drawn
    inside the step, must be sharded too. Otherwise every device would generate all
    fakes.

    Args:
        dynamics: builds the algorithm, `lambda game: alternating(game, …)`.
        game: to build it on.
        devices: to use; by default all, those of other processes included.
        backend: "jit" leaves it to the compiler what the devices exchange; under
            "shard_map" and "pmap" each runs the step on its own rows, and they exchange
            averages, gradients and what losses gather. All make the same step; under
            the latter two each device draws the random numbers of all. There a user's
            own BatchNorm needs `axis_name=batch_axis()`; without it, each device
            normalizes its own rows, and the running statistics are averaged. JAX keeps
            "pmap" for old code only.
        shard_state: divide parameters and optimizer states among the devices too, as
            FSDP and ZeRO do: each array along its longest axis that they divide. It
            saves memory, and costs a gather of the parameters for each use of them.
            Under "shard_map" and "pmap" the whole state is gathered for a step.
        donate: let `step` reuse the memory of its input state, which must then not be
            used again.

    Returns:
        An algorithm whose functions are jitted and whose state is on all devices.

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
    check_function("data_parallel: dynamics", dynamics, "lambda game: alternating(…)")
    check_instance("data_parallel: game", game, Game, "gan(…)")
    check_flag("data_parallel: donate", donate)
    check_flag("data_parallel: shard_state", shard_state)
    check_choice("data_parallel: backend", backend, get_args(Backend))
    mesh = _mesh(devices)
    split = NamedSharding(mesh, PartitionSpec(BATCH_AXIS))

    given = game.prior

    def prior(key: Array, n: int, condition: tuple[Tree, ...]) -> Tree:
        _check_even("latents", n, mesh.size)
        latents = given(key, n, condition)
        if backend != "jit":  # each device takes its own
            return latents
        return jax.lax.with_sharding_constraint(latents, split)

    game = game._replace(prior=prior)
    if shard_state and backend == "jit":
        networks = {name: _gathered(each, mesh) for name, each in game.networks.items()}
        game = game._replace(networks=networks)
    algorithm = dynamics(game)
    check_instance(
        "data_parallel: what dynamics returns", algorithm, Algorithm, "alternating(…)"
    )
    like = jax.eval_shape(algorithm.init, jax.random.key(0))
    _check_stateless_views(like, backend)
    inner = _on_rows(algorithm.step, mesh, backend)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        for leaf in jax.tree.leaves(batches):
            _check_even("a batch", leaf.shape[0], mesh.size)
        batches = jax.lax.with_sharding_constraint(batches, split)
        try:
            return inner(state, batches)
        except (TypeError, ValueError) as error:
            if backend != "shard_map" or isinstance(error, InputError):
                raise
            raise InputError(
                "data_parallel: backend='shard_map' cannot run this step, since not "
                "all that it computes is known to be the same on all devices; use "
                f'backend="jit". ({str(error).strip().splitlines()[0]})'
            ) from error

    shardings = state_shardings(like, devices, shard_state)
    return algorithm._replace(
        init=jax.jit(algorithm.init, out_shardings=shardings),
        step=jax.jit(
            step,
            out_shardings=(shardings, replicated(devices)),
            donate_argnums=0 if donate else (),
        ),
    )


def _gathered(network: Network, mesh: Mesh) -> Network:
    """Gather a network's variables for each use.

    Left to itself, the compiler divides activations along the axes of the parameters,
    and sends them between devices: of a DCGAN several times as many bytes.
    """
    whole = NamedSharding(mesh, PartitionSpec())

    def prepare(variables: Variables) -> Variables:
        return network.prepare(jax.lax.with_sharding_constraint(variables, whole))

    return network._replace(prepare=prepare)


def _on_rows(step: Any, mesh: Mesh, backend: Backend) -> Any:
    """Make a step in which each device has its own rows of the batches."""
    if backend == "jit":
        return step if mesh.size == 1 else _on_whole_batch(step)
    if backend == "shard_map":
        state_and_rows = (PartitionSpec(), PartitionSpec(BATCH_AXIS))
        return jax.shard_map(
            step, mesh=mesh, in_specs=state_and_rows, out_specs=PartitionSpec()
        )
    mapped = jax.pmap(
        step,
        BATCH_AXIS,
        in_axes=(None, 0),
        out_axes=None,
        devices=[*mesh.devices.flat],
    )

    def rows_of_each(x: Array) -> Array:
        return x.reshape(mesh.size, -1, *x.shape[1:])

    return lambda state, batches: mapped(state, jax.tree.map(rows_of_each, batches))


def _on_whole_batch(step: Any) -> Any:
    def traced(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        with whole_batch():
            return step(state, batches)

    return traced


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
    check_function("on_devices: source", source, "shuffled(data, 64)")
    mesh = _mesh(devices)
    split = NamedSharding(mesh, PartitionSpec(BATCH_AXIS))
    own = mesh.local_mesh.size

    def put(leaf: Array | np.ndarray) -> Array:
        _check_even("a batch", leaf.shape[0], own)
        if own == mesh.size:
            return jax.device_put(leaf, split)
        return jax.make_array_from_process_local_data(split, np.asarray(leaf))

    return lambda seed, step: jax.tree.map(put, source(seed, step))


def replicated(devices: Sequence[jax.Device] | None = None) -> NamedSharding:
    """Return the sharding of what each device has a copy of."""
    return NamedSharding(_mesh(devices), PartitionSpec())


def state_shardings(
    like: State, devices: Sequence[jax.Device] | None = None, shard_state: bool = False
) -> State:
    """Choose the sharding of each array of a state.

    Args:
        like: the shapes of the state.
        devices: as for `data_parallel`.
        shard_state: as for `data_parallel`.
    """
    mesh = _mesh(devices)

    def choose(x: jax.ShapeDtypeStruct) -> NamedSharding:
        even = [axis for axis, size in enumerate(x.shape) if size % mesh.size == 0]
        if not shard_state or not even:
            return NamedSharding(mesh, PartitionSpec())
        longest = max(even, key=lambda axis: x.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * longest, BATCH_AXIS))

    return jax.tree.map(choose, like)


def _mesh(devices: Sequence[jax.Device] | None) -> Mesh:
    # Auto axes: under the Explicit ones of jax.make_mesh, the compiler replicates a
    # plain step instead of sharding it.
    check_devices("devices", devices)
    if devices is None:  # in the order of the processes, as their rows of a batch are
        devices = sorted(jax.devices(), key=lambda each: (each.process_index, each.id))
    return Mesh(np.array(devices), (BATCH_AXIS,), axis_types=(AxisType.Auto,))


def _check_stateless_views(state: State, backend: Backend) -> None:
    if backend != "jit" and jax.tree.leaves(state.view_states):
        raise InputError(
            f"data_parallel: backend={backend!r} cannot split the state of a view, "
            'such as a pool of fakes; use backend="jit".'
        )


def _check_even(what: str, size: int, devices: int) -> None:
    if size % devices:
        raise InputError(
            f"{what} of {size} does not split evenly over {devices} devices; "
            f"use a multiple of {devices}, or fewer devices."
        )
