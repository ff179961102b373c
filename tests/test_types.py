"""Types print as short texts, since a notebook prints what a cell returns."""

import jax
import optax

from jaxgan import alternating, chain, every, non_saturating, r1
from jaxgan.algorithms.population import AXES
from tests.builders import reals, small_game


def test_values_print_as_short_texts():
    game = small_game(chain(non_saturating(), every(r1(0.1), n=4)))
    optimizers = {player: optax.adam(1e-3) for player in game.players}
    state = alternating(game, optimizers, reals(0)).init(jax.random.key(0))
    counts = {
        name: sum(x.size for x in jax.tree.leaves(value.params))
        for name, value in state.variables.items()
    }
    assert repr(state) == f"State(step=0, parameters={counts})"
    assert repr(game.loss) == "Loss(non_saturating + r1)"
    assert repr(game.networks["generator"]) == "Network(init, apply, prepare)"
    assert "'generator': ['generator']" in repr(game)
    assert "outputs=['samples']" in repr(game)
    shapes = jax.eval_shape(lambda: state)
    assert all(f"'{name}': {count}" in repr(shapes) for name, count in counts.items())
    assert repr(AXES).startswith("(None, 0")
