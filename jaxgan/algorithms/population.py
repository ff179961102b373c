"""Populations: many runs in one program, over seeds and over hyperparameters.

A step is a pure function of its hyperparameters too, so a whole sweep is one `vmap`:
one trace, one compilation, one call for all members. Whatever `build` makes of a
hyperparameter may be traced: learning rates, betas, weights of penalties, decays.
Nothing passes between members, so one that diverges does not disturb the others.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec
from jaxtyping import Array, Bool
from numpy.typing import NDArray

from jaxgan.errors import InputError
from jaxgan.types import Algorithm, Batch, Info, State, Tree

Build = Callable[[Any], Algorithm]

# The step is one number for all, or what depends on it would be computed both ways.
AXES: Any = State(*[0] * len(State._fields))._replace(step=None)  # type: ignore[arg-type]


def population(
    build: Build,
    hypers: Tree,
    *,
    devices: Sequence[jax.Device] | None = None,
    sequential: bool = False,
    donate: bool = False,
) -> Algorithm:
    """The algorithm of all members at once.

    Its `init` takes an array of keys, one for each member; its state, its batches and
    its reports have the members' axis in front of every leaf, except `State.step`. A
    member equals the same run alone, up to rounding.

    The step is traced once for a `build` and a number of members, whatever the values.
    So values are checked beforehand, by building the members at the two ends of each
    hyperparameter.

    Args:
        build: `(one member's hypers) -> algorithm`, a pure function. It is run while
            tracing, so it may not need the value of a hyperparameter.
        hypers: any pytree of arrays with the members' axis in front; see `hyper_grid`.
        devices: the members are divided among these; by default among as many of this
            process as divide them evenly. On a CPU set JAX_NUM_CPU_DEVICES to the
            number of cores.
        sequential: one member after the other, in one compiled program, instead of
            `vmap`. Convolutions with a kernel for each member are no faster together,
            and take longer to compile.
        donate: let `step` reuse the memory of the state that it is given.

    Raises:
        InputError: before anything compiles, if there are no members, the leaves differ
            in how many or hold no numbers, a hyperparameter is refused or cannot be
            traced, or the members do not divide evenly among the devices.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, alternating, chain, hyper_grid, gan, member, mlp
        >>> from jaxgan import non_saturating, population, priors, r1
        >>> def build(hypers):
        ...     loss = chain(non_saturating(), r1(hypers["gamma"]))
        ...     game = gan(mlp((2,), (8,)), mlp((), (8,)), loss, priors.normal(4))
        ...     optimizers = {p: optax.adam(hypers["rate"]) for p in game.players}
        ...     return alternating(game, optimizers, Batch(jnp.zeros((8, 2))))
        >>> hypers = hyper_grid(gamma=[0.1, 1.0], rate=[1e-3, 2e-3])
        >>> algorithm = population(build, hypers)
        >>> state = algorithm.init(jax.random.split(jax.random.key(0), 4))
        >>> batches = (Batch(jnp.ones((4, 8, 2))),) * 2
        >>> state, info = algorithm.step(state, batches)
        >>> info.losses["discriminator"]["r1"].shape
        (4,)
        >>> best = member(state, 2)
    """
    members = _check_hypers(build, hypers)
    hypers = jax.tree.map(jnp.asarray, hypers)
    if sequential and devices is not None:
        raise InputError("population: sequential members share one device; give none.")
    if sequential:
        return _in_sequence(build, hypers, members, donate)
    mesh = _mesh(devices, members)
    step_all = _step_donated if donate else _step_all

    def init(keys: Array) -> State:
        _check_members("keys", keys, members)
        return _init_all(build, mesh, hypers, keys)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        _check_members("batches", batches, members)
        try:
            return step_all(build, mesh, hypers, state, batches)
        except TypeError:  # while tracing; named, if by a hyperparameter
            one = _of(batches, 0)
            _check_traceable(lambda h: build(h).step(member(state, 0), one), hypers)
            raise

    return Algorithm(init, step)


def hyper_grid(**values: Iterable[Any]) -> dict[str, NDArray]:
    """Every combination of some values, the last name varying fastest.

    Raises:
        InputError: if a name has no values.

        >>> from jaxgan import hyper_grid
        >>> hyper_grid(seed=range(2), gamma=[0.1, 1.0])["gamma"]
        array([0.1, 1. , 0.1, 1. ])
    """
    axes = {name: tuple(given) for name, given in values.items()}
    for name, given in axes.items():
        if not given:
            raise InputError(f"hyper_grid: {name} has no values; give at least one.")
    if not axes:
        raise InputError("hyper_grid: there is nothing to cross; name some values.")
    rows = itertools.product(*axes.values())
    return dict(zip(axes, map(np.array, zip(*rows, strict=True)), strict=True))


def member(state: State, i: int) -> State:
    """One member's state, to go on with alone, to sample from or to save."""
    return State(state.step, *_of(state[1:], i))


def diverged_members(state: State) -> Bool[np.ndarray, " members"]:
    """Which members hold a number that is not finite in a network."""
    return np.asarray(~_finite(state.variables))


@jax.jit
def _finite(variables: Tree) -> Array:
    """Of each member, whether all its numbers are."""
    leaves = jax.tree.leaves(variables)
    each = [jnp.isfinite(x).reshape(len(x), -1).all(axis=1) for x in leaves]
    return jnp.stack(each).all(axis=0)


# --- All at once, and one after the other ---------------------------------------------


def _init(build: Build, mesh: Mesh | None, hypers: Tree, keys: Array) -> State:
    start = jax.vmap(lambda h, key: build(h).init(key), out_axes=AXES)
    return _divided(start, mesh, (_SPLIT, _SPLIT), _STATE)(hypers, keys)


def _step(
    build: Build,
    mesh: Mesh | None,
    hypers: Tree,
    state: State,
    batches: tuple[Batch, ...],
) -> tuple[State, Info]:
    move = jax.vmap(
        lambda h, state, batches: build(h).step(state, batches),
        in_axes=(0, AXES, 0),
        out_axes=(AXES, 0),
    )
    divided = _divided(move, mesh, (_SPLIT, _STATE, _SPLIT), (_STATE, _SPLIT))
    return divided(hypers, state, batches)


_SPLIT = PartitionSpec("members")
_STATE: Any = AXES._replace(
    **{name: _SPLIT for name in State._fields if name != "step"}, step=PartitionSpec()
)

_init_all = jax.jit(_init, static_argnums=(0, 1))
_step_all = jax.jit(_step, static_argnums=(0, 1))
_step_donated = jax.jit(_step, static_argnums=(0, 1), donate_argnums=3)


def _divided(
    function: Callable, mesh: Mesh | None, in_specs: Any, out_specs: Any
) -> Any:
    if mesh is None:
        return function
    # No device asks another for anything, so there is nothing to check.
    return jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )


def _in_sequence(build: Build, hypers: Tree, members: int, donate: bool) -> Algorithm:
    def init(keys: Array) -> State:
        _check_members("keys", keys, members)
        states = [_init_one(build, hypers, keys, i) for i in range(members)]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *states)
        return stacked._replace(step=states[0].step)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        _check_members("batches", batches, members)
        moving = state[1:] if donate else jax.tree.map(jnp.copy, state[1:])
        batches = jax.device_put(batches)  # once, not for every member
        infos = []
        for i in range(members):
            moving, now, info = _step_one(build, hypers, moving, state.step, batches, i)
            infos.append(info)
        return State(now, *moving), jax.tree.map(lambda *x: jnp.stack(x), *infos)

    return Algorithm(init, step)


@partial(jax.jit, static_argnums=0)
def _init_one(build: Build, hypers: Tree, keys: Array, i: int | Array) -> State:
    return build(_of(hypers, i)).init(keys[i])


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _step_one(
    build: Build, hypers: Tree, moving: Tree, step: Array, batches: Tree, i: int | Array
) -> tuple[Tree, Array, Info]:
    state, info = build(_of(hypers, i)).step(
        State(step, *_of(moving, i)), _of(batches, i)
    )
    put = jax.tree.map(lambda x, new: x.at[i].set(new), moving, state[1:])
    return put, state.step, info


def _of(tree: Tree, i: int | Array) -> Any:
    return jax.tree.map(lambda x: x[i], tree)


def _mesh(devices: Sequence[jax.Device] | None, members: int) -> Mesh | None:
    if devices is None:
        there = jax.local_devices()
        count = max(n for n in range(1, len(there) + 1) if members % n == 0)
        if count == 1:
            return None
        devices = there[:count]
    if not len(devices) or members % len(devices):
        raise InputError(
            f"population: {members} members do not divide evenly among {len(devices)} "
            "devices; use a multiple, or fewer devices."
        )
    return Mesh(np.array(devices), ("members",), axis_types=(AxisType.Auto,))


# --- What is refused ------------------------------------------------------------------


def _check_hypers(build: Build, hypers: Tree) -> int:
    """Refuse what cannot be a population; return how many members it has."""
    named = {}
    for path, given in jax.tree_util.tree_leaves_with_path(hypers):
        name = jax.tree_util.keystr(path)
        x = given if hasattr(given, "dtype") else np.asarray(given)
        if not (jnp.issubdtype(x.dtype, np.number) or x.dtype == bool):
            raise InputError(
                f"population: hypers{name} must hold numbers, got {x.dtype}."
            )
        named[name] = np.asarray(x)
    sizes = {name: x.shape[:1] for name, x in named.items()}
    if len({*sizes.values()}) != 1 or not all(sizes.values()):
        raise InputError(
            "population: every leaf of hypers needs the same number of members in "
            f"front, got shapes beginning with {sizes}."
        )
    [members] = next(iter(sizes.values()))
    if not members:
        raise InputError("population: hypers hold no members; give at least one.")
    flat = [x.reshape(members, -1) for x in named.values()]
    ends = {int(find(x) // x.shape[1]) for x in flat for find in (np.argmin, np.argmax)}
    for i in sorted({0} | ends):
        said = ", ".join(f"{name} {x[i]}" for name, x in named.items())
        _try(f"member {i} ({said})", partial(build, _values(hypers, i)))
    _check_traceable(lambda h: build(h).init(jax.random.key(0)), hypers)
    return members


def _check_traceable(use: Callable[[Any], Any], hypers: Tree) -> None:
    """Trace with one hyperparameter unknown at a time, to name one that cannot be."""
    first = _values(hypers, 0)
    leaves, structure = jax.tree.flatten(first)
    for i, (path, _) in enumerate(jax.tree_util.tree_leaves_with_path(first)):

        def start(leaf: Array, i: int = i) -> Any:
            mixed = [*leaves[:i], leaf, *leaves[i + 1 :]]
            return use(jax.tree.unflatten(structure, mixed))

        _try(
            f"hypers{jax.tree_util.keystr(path)} cannot be traced, so it cannot differ "
            "between members; make a population for each of its values",
            partial(jax.eval_shape, start, leaves[i]),
        )


def _try(what: str, make: Callable[[], Any]) -> None:
    try:
        make()
    except Exception as error:  # whatever a user's function may raise
        said = str(error).strip().split("\n")[0]
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(f"population: {what}: {kind}{said}") from error


def _values(hypers: Tree, i: int) -> Any:
    """One member's, as plain numbers where they are."""
    return jax.tree.map(lambda x: x[i].item() if np.ndim(x) == 1 else x[i], hypers)


def _check_members(what: str, tree: Tree, members: int) -> None:
    sizes = {x.shape[:1] for x in jax.tree.leaves(tree)}
    if sizes != {(members,)}:
        raise InputError(
            f"population: every leaf of {what} needs the {members} members in front, "
            f"got shapes beginning with {sorted(sizes)}."
        )
