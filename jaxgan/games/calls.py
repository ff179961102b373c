"""Networks bound to their variables: how a game's `play` and outputs call them.

A game names its networks in one place, `Game.networks`, and `play` gets them as calls.
What a network is initialized with is found by playing one round in shapes alone, so no
game has to say it a second time.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxgan.errors import InputError
from jaxgan.types import (
    Batch,
    Call,
    Calls,
    Game,
    Network,
    NetworkName,
    Tree,
    Variables,
)


@dataclasses.dataclass(frozen=True)
class _Apply:
    """A network's `apply` as a call. Equal for equal networks, so that rounds match."""

    network: Network
    frozen: bool = False

    def __call__(
        self,
        variables: Variables,
        *inputs: Tree,
        stats: Tree = None,
        key: jax.Array | None = None,
        train: bool = True,
    ) -> tuple[Tree, Tree]:
        if stats is not None:
            variables = variables._replace(stats=stats)
        train = train and not self.frozen
        return self.network.apply(variables, *inputs, key=key, train=train)


def bind(game: Game, variables: Mapping[NetworkName, Variables]) -> dict[str, Call]:
    """Bind each network of which there are variables to them, prepared."""
    return {
        name: Partial(
            _Apply(network, name in game.frozen), network.prepare(variables[name])
        )
        for name, network in game.networks.items()
        if name in variables
    }


def bind_to_evaluate(
    game: Game, variables: Mapping[NetworkName, Variables]
) -> dict[str, Callable[..., Tree]]:
    """Bind the networks in evaluation mode; each call returns the output alone."""
    return to_evaluate(bind(game, variables))


def to_evaluate(calls: Calls) -> dict[str, Callable[..., Tree]]:
    """Turn calls into functions of their inputs, in evaluation mode."""

    def evaluate(call: Call) -> Callable[..., Tree]:
        return lambda *inputs: call(*inputs, train=False)[0]

    return {name: evaluate(call) for name, call in calls.items()}


def probe(
    call: Call,
    key: jax.Array,
    x: Tree,
    condition: tuple[Tree, ...] = (),
    train: bool = True,
) -> Tree:
    """Call a network again in a round, and drop its statistics after the call.

    Bound to a call and a key, it is `Round.critic` and `Round.generate`.
    """
    return call(x, *condition, key=key, train=train)[0]


def input_shapes(
    game: Game, play: Callable[[Calls], Any]
) -> dict[NetworkName, tuple[Tree, ...]]:
    """Find the shapes of what each network is first called with.

    Nothing is computed. Where a network is first called it is initialized, in shape,
    and where it is called again it must take what it is given, too.

    Args:
        game: whose networks are called.
        play: a round, given calls.

    Raises:
        InputError: if a network cannot take what it is given, or is never called.
    """
    first: dict[NetworkName, tuple[Tree, ...]] = {}

    def once() -> None:
        play(stand_ins(game, first))

    jax.eval_shape(once)
    idle = sorted(set(game.networks) - set(first))
    if idle:
        raise InputError(
            f"networks {idle} are never called in a round, so nothing would train "
            "them; leave them out, or call them in `play`."
        )
    return first


def stand_ins(
    game: Game, first: dict[NetworkName, tuple[Tree, ...]]
) -> dict[NetworkName, Call]:
    """Make calls that need no variables: a network is initialized where it is called.

    Args:
        game: whose networks are called.
        first: gets the shapes of each network's first inputs.
    """

    def stand_in(name: NetworkName) -> Call:
        network = game.networks[name]

        def call(*inputs: Tree, stats: Tree = None, **mode: Any) -> tuple[Tree, Tree]:
            given = first.setdefault(name, jax.tree.map(_shape, inputs))
            with _explained(name, inputs):
                made = jax.eval_shape(network.init, jax.random.key(0), *given)
                variables = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), made)
                return _Apply(network, name in game.frozen)(
                    network.prepare(variables), *inputs, stats=stats, **mode
                )

        return Partial(call)

    return {name: stand_in(name) for name in game.networks}


@contextlib.contextmanager
def _explained(name: NetworkName, inputs: tuple[Tree, ...]) -> Iterator[None]:
    """Say which network cannot take its inputs, whatever its library says of them."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        shapes = jax.tree.map(lambda x: x.shape, inputs)
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"network {name!r} cannot take inputs of shapes {shapes}: {reason}"
        ) from error


def called_by_outputs(
    game: Game,
    variables: Mapping[NetworkName, Variables],
    latent: Tree,
    batch: Batch,
) -> tuple[NetworkName, ...]:
    """The networks that train and that a game's outputs call, found in shapes alone.

    Args:
        game: the game.
        variables: of all networks, or their shapes.
        latent: rows of latents, or their shapes.
        batch: as many examples, or their shapes.
    """
    called: set[NetworkName] = set()

    def noted(name: NetworkName, call: Callable[..., Tree]) -> Callable[..., Tree]:
        def evaluate(*inputs: Tree) -> Tree:
            called.add(name)
            return call(*inputs)

        return evaluate

    def make(variables: Mapping[NetworkName, Variables], *rows: Any) -> list[Tree]:
        calls = bind_to_evaluate(game, variables)
        calls = {name: noted(name, call) for name, call in calls.items()}
        return [output(calls, *rows) for output in game.outputs.values()]

    try:
        jax.eval_shape(make, dict(variables), latent, batch)
    except KeyError as error:
        raise InputError(
            f"an output calls {error}, which is not a network of the game; its "
            f"networks are {sorted(game.networks)}."
        ) from error
    return tuple(sorted(called - set(game.frozen)))


def _shape(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x))
