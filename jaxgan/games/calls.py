"""Networks bound to their variables, and inference of their input shapes.

A game names its networks once, in `Game.networks`, and `play` gets them as calls. The
input shapes with which networks are initialized are inferred from one abstract round,
so no game has to state them.
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
    """A network's `apply` as a call.

    Equal for equal networks, so that two rounds have equal tree structures.
    """

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
    """Bind networks to their prepared variables; skip networks without variables."""
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
    """Bind networks in evaluation mode; a call returns the output only."""
    return to_evaluate(bind(game, variables))


def to_evaluate(calls: Calls) -> dict[str, Callable[..., Tree]]:
    """Put calls in evaluation mode; they return the output only."""

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
    """Call a network again in a round, and drop its new statistics.

    Bound to a call and a key, it serves as `Round.critic` and `Round.generate`.
    """
    return call(x, *condition, key=key, train=train)[0]


def input_shapes(
    game: Game, play: Callable[[Calls], Any]
) -> dict[NetworkName, tuple[Tree, ...]]:
    """Infer the input shapes of each network's first call in a round.

    Nothing is computed. A network is initialized, abstractly, in its first call. Its
    later calls must accept their inputs, too.

    Args:
        game: whose networks are called.
        play: a round as a function of calls.

    Raises:
        InputError: if a network cannot take its inputs, or is never called.
    """
    first: dict[NetworkName, tuple[Tree, ...]] = {}

    def play_once() -> None:
        play(stand_ins(game, first))

    jax.eval_shape(play_once)
    unused = sorted(set(game.networks) - set(first))
    if unused:
        raise InputError(
            f"networks {unused} are never called in a round, so nothing would train "
            "them; leave them out, or call them in `play`."
        )
    return first


def stand_ins(
    game: Game, first: dict[NetworkName, tuple[Tree, ...]]
) -> dict[NetworkName, Call]:
    """Make calls that need no variables: each call initializes its network.

    Args:
        game: whose networks are called.
        first: is filled with the shapes of each network's first inputs.
    """

    made: dict[NetworkName, Variables] = {}

    def stand_in(name: NetworkName) -> Call:
        network = game.networks[name]

        def call(*inputs: Tree, stats: Tree = None, **mode: Any) -> tuple[Tree, Tree]:
            given = first.setdefault(name, jax.tree.map(_shape, inputs))
            with _name_network_in_errors(name, inputs):
                if name not in made:
                    made[name] = jax.eval_shape(network.init, jax.random.key(0), *given)
                variables = jax.tree.map(
                    lambda x: jnp.zeros(x.shape, x.dtype), made[name]
                )
                return _Apply(network, name in game.frozen)(
                    network.prepare(variables), *inputs, stats=stats, **mode
                )

        return Partial(call)

    return {name: stand_in(name) for name in game.networks}


@contextlib.contextmanager
def _name_network_in_errors(
    name: NetworkName, inputs: tuple[Tree, ...]
) -> Iterator[None]:
    """Convert any exception to an InputError that names the network and its inputs."""
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
    """Find the trained networks that a game's outputs call, by abstract evaluation.

    Args:
        game: the game.
        variables: of all networks, or their shapes.
        latent: rows of latents, or their shapes.
        batch: as many examples, or their shapes.

    Raises:
        InputError: if an output calls a network that the game does not have.
    """
    called: set[NetworkName] = set()

    def record_calls(
        name: NetworkName, call: Callable[..., Tree]
    ) -> Callable[..., Tree]:
        def evaluate(*inputs: Tree) -> Tree:
            called.add(name)
            return call(*inputs)

        return evaluate

    def evaluate_outputs(
        variables: Mapping[NetworkName, Variables], *rows: Any
    ) -> list[Tree]:
        calls = bind_to_evaluate(game, variables)
        calls = {name: record_calls(name, call) for name, call in calls.items()}
        return [output(calls, *rows) for output in game.outputs.values()]

    try:
        jax.eval_shape(evaluate_outputs, dict(variables), latent, batch)
    except KeyError as error:
        raise InputError(
            f"an output calls {error}, which is not a network of the game; its "
            f"networks are {sorted(game.networks)}."
        ) from error
    return tuple(sorted(called - set(game.frozen)))


def _shape(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x))
