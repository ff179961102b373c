"""Populations: many training runs in one program, over seeds and hyperparameters.

A step is a pure function of its hyperparameters too, so a sweep is one `vmap`: one
trace, one compilation and one call for all members. All hyperparameters that `build`
uses as numbers may be traced: learning rates, betas, weights of penalties, decays.
Members do not communicate, so one that diverges does not affect the others.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec
from jaxtyping import Array, Bool
from numpy.typing import NDArray

from jaxgan.errors import (
    InputError,
    check_devices,
    check_flag,
    check_function,
    check_instance,
    is_concrete,
)
from jaxgan.types import Algorithm, Batch, Info, State, Tree

Build = Callable[[Any], Algorithm]

# `State.step` is not batched: a batched predicate would turn `lax.cond` into `select`,
# which runs both branches.
AXES: Any = State(*[0] * len(State._fields))._replace(step=None)  # type: ignore[arg-type]


def population(
    build: Build,
    hypers: Tree,
    *,
    devices: Sequence[jax.Device] | None = None,
    sequential: bool = False,
    donate: bool = False,
) -> Algorithm:
    """Make an algorithm that trains many members at once.

    Its `init` takes an array of keys, one for each member. Its state, batches and
    reports have a leading members' axis in every leaf, except `State.step`. A member
    equals the same run alone, up to rounding.

    The step is traced once for a `build` and a number of members, whatever the values.
    So values are checked beforehand, by building the members with the smallest and the
    largest value of each hyperparameter.

    Args:
        build: `(one member's hypers) -> algorithm`, a pure function. It is run while
            tracing, so it must not depend on the concrete value of a hyperparameter.
        hypers: any pytree of arrays with a leading members' axis; see `hyper_grid`.
        devices: the members are divided among these; by default among as many of this
            process as divide them evenly. On a CPU set JAX_NUM_CPU_DEVICES to the
            number of cores.
        sequential: train one member after the other, in one compiled program, instead
            of using `vmap`. Under `vmap`, convolutions with a kernel for each member
            are no faster and take longer to compile. The algorithm of a member may then
            be `data_parallel(…)`, so that devices share each member in turn, and with
            `shard_state=True` its parameters and optimizer states too.
        donate: let `step` reuse the memory of its input state.

    Raises:
        InputError: before anything compiles, if there are no members, the leaves differ
            in their number of members or are not numeric, a hyperparameter is invalid
            or cannot be traced, or the members do not divide evenly among the devices.

        >>> import jax, jax.numpy as jnp, optax
        >>> from jaxgan import Batch, alternating, chain, hyper_grid, gan, mlp
        >>> from jaxgan import non_saturating, population, priors, r1
        >>> from jaxgan.algorithms import select_member
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
        >>> best = select_member(state, 2)
    """
    check_function("population: build", build, "lambda hypers: alternating(…)")
    check_devices("population: devices", devices)
    check_flag("population: sequential", sequential)
    check_flag("population: donate", donate)
    members = _check_hypers(build, hypers)
    hypers = jax.tree.map(jnp.asarray, hypers)
    if sequential and devices is not None:
        raise InputError("population: sequential members share one device; give none.")
    if sequential:
        return _sequential(build, hypers, members, donate)
    mesh = _mesh(devices, members)
    step_all = _step_donated if donate else _step_all

    def init(keys: Array) -> State:
        _check_members("keys", keys, members)
        return _init_all(build, mesh, hypers, keys)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        _check_members("batches", batches, members)
        try:
            return step_all(build, mesh, hypers, state, batches)
        except TypeError:  # while tracing; name the hyperparameter, if one causes it
            first, batch = select_member(state, 0), _index(batches, 0)
            _check_traceable(lambda h: build(h).step(first, batch), hypers)
            raise

    return Algorithm(init, step)


def hyper_grid(**values: Iterable[Any]) -> dict[str, NDArray]:
    """Make the grid of all combinations of values, the last name varying fastest.

    Raises:
        InputError: if what a name has is no list of values, or is empty.

        >>> from jaxgan import hyper_grid
        >>> hyper_grid(seed=range(2), gamma=[0.1, 1.0])["gamma"]
        array([0.1, 1. , 0.1, 1. ])
    """
    for name, given in values.items():
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise InputError(
                f"hyper_grid: {name} must be a list of values, got {given!r}."
            )
    axes = {name: tuple(given) for name, given in values.items()}
    for name, given in axes.items():
        if not given:
            raise InputError(f"hyper_grid: {name} has no values; give at least one.")
    if not axes:
        raise InputError("hyper_grid: no hyperparameters are given; name some values.")
    rows = itertools.product(*axes.values())
    return dict(zip(axes, map(np.array, zip(*rows, strict=True)), strict=True))


def select_member(state: State, i: int) -> State:
    """Select one member's state, to train on alone, to sample from or to save."""
    check_instance("select_member: state", state, State, "that of a population")
    members = _count_members(state)
    whole = isinstance(i, Integral) and not isinstance(i, bool)
    if is_concrete(i) and not (whole and -members <= int(i) < members):
        raise InputError(
            f"select_member: i must be an integer from 0 to {members - 1}, got {i!r}."
        )
    return State(state.step, *_index(state[1:], i))


def diverged_members(state: State) -> Bool[np.ndarray, " members"]:
    """Find the members whose networks contain a number that is not finite."""
    check_instance("diverged_members: state", state, State, "that of a population")
    _count_members(state)
    return np.asarray(~_finite(state.variables))


def _count_members(state: State) -> int:
    """Count the members of a population's state.

    Raises:
        InputError: if the state has no networks.
    """
    leaves = jax.tree.leaves(state.variables)
    if not leaves:
        raise InputError("state has no networks, so it is not that of a population.")
    return len(leaves[0])


@jax.jit
def _finite(variables: Tree) -> Array:
    """Test for each member if all its numbers are finite."""
    leaves = jax.tree.leaves(variables)
    each = [jnp.isfinite(x).reshape(len(x), -1).all(axis=1) for x in leaves]
    return jnp.stack(each).all(axis=0)


# --- Vectorized and sequential steps --------------------------------------------------


def _init(build: Build, mesh: Mesh | None, hypers: Tree, keys: Array) -> State:
    start = jax.vmap(lambda h, key: build(h).init(key), out_axes=AXES)
    shard = _shard_map(start, mesh, (_MEMBERS, _MEMBERS), _STATE)
    return shard(hypers, keys)


def _step(
    build: Build,
    mesh: Mesh | None,
    hypers: Tree,
    state: State,
    batches: tuple[Batch, ...],
) -> tuple[State, Info]:
    advance = jax.vmap(
        lambda h, state, batches: build(h).step(state, batches),
        in_axes=(0, AXES, 0),
        out_axes=(AXES, 0),
    )
    in_specs, out_specs = (_MEMBERS, _STATE, _MEMBERS), (_STATE, _MEMBERS)
    shard = _shard_map(advance, mesh, in_specs, out_specs)
    return shard(hypers, state, batches)


_MEMBERS = PartitionSpec("members")
_STATE: Any = AXES._replace(
    **{name: _MEMBERS for name in State._fields if name != "step"}, step=PartitionSpec()
)

_init_all = jax.jit(_init, static_argnums=(0, 1))
_step_all = jax.jit(_step, static_argnums=(0, 1))
_step_donated = jax.jit(_step, static_argnums=(0, 1), donate_argnums=3)


def _shard_map(
    function: Callable, mesh: Mesh | None, in_specs: Any, out_specs: Any
) -> Any:
    if mesh is None:
        return function
    # Members do not communicate, so `check_vma` is off.
    return jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )


def _sequential(build: Build, hypers: Tree, members: int, donate: bool) -> Algorithm:
    def init(keys: Array) -> State:
        _check_members("keys", keys, members)
        states = [_init_one(build, hypers, keys, i) for i in range(members)]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *states)
        return stacked._replace(step=states[0].step)

    def step(state: State, batches: tuple[Batch, ...]) -> tuple[State, Info]:
        _check_members("batches", batches, members)
        stacked = state[1:] if donate else jax.tree.map(jnp.copy, state[1:])
        batches = jax.device_put(batches)  # once, not for every member
        infos = []
        for i in range(members):
            stacked, after, info = _step_one(
                build, hypers, stacked, state.step, batches, i
            )
            infos.append(info)
        return State(after, *stacked), jax.tree.map(lambda *x: jnp.stack(x), *infos)

    return Algorithm(init, step)


@partial(jax.jit, static_argnums=0)
def _init_one(build: Build, hypers: Tree, keys: Array, i: int | Array) -> State:
    return build(_index(hypers, i)).init(keys[i])


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _step_one(
    build: Build,
    hypers: Tree,
    stacked: Tree,
    step: Array,
    batches: Tree,
    i: int | Array,
) -> tuple[Tree, Array, Info]:
    state, info = build(_index(hypers, i)).step(
        State(step, *_index(stacked, i)), _index(batches, i)
    )
    stacked = jax.tree.map(lambda x, new: x.at[i].set(new), stacked, state[1:])
    return stacked, state.step, info


def _index(tree: Tree, i: int | Array) -> Any:
    return jax.tree.map(lambda x: x[i], tree)


def _mesh(devices: Sequence[jax.Device] | None, members: int) -> Mesh | None:
    if devices is None:
        local = jax.local_devices()
        count = max(n for n in range(1, len(local) + 1) if members % n == 0)
        if count == 1:
            return None
        devices = local[:count]
    if members % len(devices):
        raise InputError(
            f"population: {members} members do not divide evenly among {len(devices)} "
            "devices; use a multiple, or fewer devices."
        )
    return Mesh(np.array(devices), ("members",), axis_types=(AxisType.Auto,))


# --- Checks ---------------------------------------------------------------------------


def _check_hypers(build: Build, hypers: Tree) -> int:
    """Check the hyperparameters of a population; return its number of members."""
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
            "population: every leaf of hypers needs a leading axis of the same "
            f"number of members, got shapes beginning with {sizes}."
        )
    [members] = next(iter(sizes.values()))
    if not members:
        raise InputError("population: hypers hold no members; give at least one.")
    flat = [x.reshape(members, -1) for x in named.values()]
    ends = {int(find(x) // x.shape[1]) for x in flat for find in (np.argmin, np.argmax)}
    for i in sorted({0} | ends):
        shown = ", ".join(f"{name} {x[i]}" for name, x in named.items())
        build_member = partial(_build_checked, build, _member_values(hypers, i))
        _explain_errors(f"hypers of member {i} ({shown})", build_member)
    _check_traceable(lambda h: build(h).init(jax.random.key(0)), hypers)
    return members


def _build_checked(build: Build, hypers: Any) -> None:
    check_instance("what build returns", build(hypers), Algorithm, "alternating(…)")


def _check_traceable(use: Callable[[Any], Any], hypers: Tree) -> None:
    """Trace one hyperparameter at a time, to name the one that cannot be traced."""
    first = _member_values(hypers, 0)
    leaves, structure = jax.tree.flatten(first)
    for i, (path, _) in enumerate(jax.tree_util.tree_leaves_with_path(first)):

        def start(leaf: Array, i: int = i) -> Any:
            mixed = [*leaves[:i], leaf, *leaves[i + 1 :]]
            return use(jax.tree.unflatten(structure, mixed))

        _explain_errors(
            f"hypers{jax.tree_util.keystr(path)} cannot be traced, so it cannot differ "
            "between members; make a population for each of its values",
            partial(jax.eval_shape, start, leaves[i]),
        )


def _explain_errors(subject: str, function: Callable[[], Any]) -> None:
    """Call a function; convert any exception to an InputError about the subject."""
    try:
        function()
    except Exception as error:  # whatever a user's function may raise
        reason = str(error).strip().split("\n")[0]
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(f"population: {subject}: {kind}{reason}") from error


def _member_values(hypers: Tree, i: int) -> Any:
    """Select one member's hyperparameters; scalars become Python numbers."""
    return jax.tree.map(lambda x: x[i].item() if np.ndim(x) == 1 else x[i], hypers)


def _check_members(what: str, tree: Tree, members: int) -> None:
    sizes = {x.shape[:1] for x in jax.tree.leaves(tree)}
    if sizes != {(members,)}:
        raise InputError(
            f"population: every leaf of {what} needs a leading axis of {members} "
            f"members, got shapes beginning with {sorted(sizes)}."
        )
