"""Networks that nobody trains."""

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import InputError, alternating, ema
from jaxgan.errors import RunError
from jaxgan.losses import stateless
from jaxgan.training.checkpoint import Checkpoints, restore, restore_networks
from tests.builders import bits
from tests.zoo import ZOO

EXHIBIT = ZOO["perceptual_vae"]
SGD = {"coder": optax.sgd(0.01)}


def begun(game=None):
    game = EXHIBIT.game() if game is None else game
    algorithm = ema(alternating(game, SGD, EXHIBIT.examples(8, 0)), 0.5)
    return algorithm, algorithm.init(jax.random.key(0))


def test_a_frozen_network_never_changes_and_the_others_learn_through_it():
    algorithm, state = begun()
    after, _ = jax.jit(algorithm.step)(state, (EXHIBIT.examples(8, 1),))
    assert set(state.frozen) == {"seer"} and "seer" not in state.variables
    assert bits(after.frozen) == bits(state.frozen)
    for name in ("encoder", "decoder"):
        assert bits(after.variables[name]) != bits(state.variables[name])
    assert set(state.ema) == {"encoder", "decoder"}


def test_a_frozen_network_is_in_evaluation_mode():
    """Its running averages decide what it sees, as they would not in training."""
    algorithm, state = begun()
    stats = jax.tree.map(lambda x: x + 1.0, state.frozen["seer"].stats)
    other = state._replace(frozen={"seer": state.frozen["seer"]._replace(stats=stats)})
    step, batches = jax.jit(algorithm.step), (EXHIBIT.examples(8, 1),)
    paid = [step(each, batches)[1].losses["coder"]["seen"] for each in (state, other)]
    assert paid[0] != paid[1]


def test_an_average_leaves_out_frozen_networks_that_outputs_call():
    def seen(call, latent, batch):
        return call["seer"](call["decoder"](latent))

    game = EXHIBIT.game()
    _, state = begun(game._replace(outputs={"seen": seen}))
    assert set(state.ema) == {"decoder"}


def test_a_frozen_network_is_saved_once_and_comes_back(tmp_path):
    algorithm, state = begun()
    step = jax.jit(algorithm.step)
    with Checkpoints(tmp_path / "checkpoints", keep=2) as saved:
        for i in range(2):
            state, _ = step(state, (EXHIBIT.examples(8, i),))
            saved.save(state)
    kept = [path for path in tmp_path.rglob("*") if "frozen" in path.name]
    assert kept[0] == tmp_path / "frozen" and len(kept) <= 2
    like = jax.eval_shape(algorithm.init, jax.random.key(0))
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    like = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=one), like
    )
    assert bits(restore(tmp_path / "checkpoints", like)) == bits(state)
    _, networks = restore_networks(tmp_path / "checkpoints", like)
    assert bits(networks["seer"]) == bits(state.frozen["seer"])
    for path in (tmp_path / "frozen").rglob("d/*"):
        path.write_bytes(b"")
    with pytest.raises(RunError, match=r"the frozen networks in .* cannot be read"):
        restore(tmp_path / "checkpoints", like)


def test_a_frozen_network_has_no_owner():
    game = EXHIBIT.game()
    owned = {"coder": ("encoder", "decoder", "seer")}
    with pytest.raises(InputError, match="'seer' is owned by player 'coder', who"):
        begun(game._replace(players=owned))
    with pytest.raises(InputError, match="frozen: 'other' is not a network of the"):
        begun(game._replace(frozen=("seer", "other")))
    with pytest.raises(InputError, match=r"\['seer'\] are owned by no .*frozen"):
        begun(game._replace(frozen=()))


def test_a_frozen_network_is_charged_nothing():
    charging = stateless(lambda r, key: {"seer": jnp.float32(1)}, name="charge")
    game = EXHIBIT.game()
    with pytest.raises(InputError, match=r"\['charge'\] charge 'seer', a frozen netw"):
        begun(game._replace(loss=game.loss + charging))


def test_a_frozen_network_must_be_called():
    game = EXHIBIT.game()
    plain = ZOO["vae"].game()
    with pytest.raises(InputError, match=r"\['seer'\] are never called in a round"):
        begun(game._replace(play=plain.play, loss=plain.loss))
