"""Tests of one training step for every pair of an adversarial loss and a penalty.

A covering array of strength two replaces the full product: each pair of a loss and a
penalty, of a setting and either, and of two settings occurs in one of its rows. The
fast tests step the rows of one loss, which have all penalties and both values of every
setting. The slow tests step all rows, and also build the full product.
"""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import Score, alternating, chain, from_linen, gan, mlp, priors
from jaxgan.games.pairing import joint, separate
from tests.builders import batches, bits, reals
from tests.losses.catalog import ADVERSARIAL, PENALTIES

SETTINGS = {
    "pairing": (separate, joint),
    "normed": (False, True),
    "patch": ((), (2, 2)),
}


class Discriminator(nn.Module):
    """Discriminator with features and a head, optionally with BatchNorm and patches."""

    normed: bool
    patch: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train=True):
        hidden = nn.Dense(8)(x)
        if self.normed:
            hidden = nn.BatchNorm(use_running_average=not train, momentum=0.9)(hidden)
        hidden = jnp.tanh(hidden)
        logits = nn.Dense(4 if self.patch else 1)(hidden)
        return Score(
            logits.reshape(-1, *self.patch),
            features=(hidden,),
            extra={"label": nn.Dense(4)(hidden)},
        )


def game_of(loss, pairing=separate, normed=False, patch=()):
    return gan(
        mlp((2,), (8,), activation=jnp.tanh),
        from_linen(Discriminator(normed, patch)),
        loss,
        priors.normal(3),
        pairing=pairing,
    )


def algorithm_of(loss, order=("discriminator", "generator"), **settings):
    game = game_of(loss, **settings)
    optimizers = {player: optax.sgd(1e-3) for player in game.players}
    return alternating(game, optimizers, reals(0), order=order)


def settings_number(number):
    """Return one of the eight combinations of the settings."""
    choices = itertools.product(*SETTINGS.values())
    return dict(zip(SETTINGS, list(choices)[number % 8], strict=True))


def covering():
    """Yield two rows for each loss: half of the penalties each, opposite settings."""
    names = list(PENALTIES)
    for number, loss in enumerate(ADVERSARIAL):
        for half in (0, 1):
            chosen = [p for i, p in enumerate(names) if (i >> number % 5 & 1) == half]
            yield loss, tuple(chosen), settings_number(7 - number if half else number)


ROWS = list(covering())
FIRST = min(
    (row for row in ROWS if row[0] == "boundary_equilibrium"),
    key=lambda row: len(row[1]),
)
"""What is tried in the first tier."""


def test_the_covering_array_covers_every_pair():
    seen = set()
    for loss, penalties, settings in ROWS:
        values = [("loss", loss), *settings.items()]
        values += [("penalty", penalty) for penalty in penalties]
        seen |= {frozenset(pair) for pair in itertools.combinations(values, 2)}
    factors = [
        [("loss", loss) for loss in ADVERSARIAL],
        [("penalty", penalty) for penalty in PENALTIES],
        *([(name, value) for value in values] for name, values in SETTINGS.items()),
    ]
    wanted = {
        frozenset(pair)
        for one, other in itertools.combinations(factors, 2)
        for pair in itertools.product(one, other)
    }
    assert wanted <= seen


def check_a_step(loss, **settings):
    """Check that gradients are finite and each player writes only its own state."""
    for mover, other in (
        ("discriminator", "generator"),
        ("generator", "discriminator"),
    ):
        algorithm = algorithm_of(loss, (mover,), **settings)
        before = within_bounds(algorithm.init(jax.random.key(0)))
        after, info = jax.jit(algorithm.step)(before, batches(1))
        assert all(
            jnp.isfinite(x).all()
            for x in jax.tree.leaves((after, info))
            if jnp.issubdtype(x.dtype, jnp.inexact)
        )
        assert bits(after.variables[other]) == bits(before.variables[other])
        assert bits(after.variables[mover].params) != bits(
            before.variables[mover].params
        )
        assert bits(after.opt_states[other]) == bits(before.opt_states[other])
        for name, state in after.loss_states.items():
            moved = bits(state) != bits(before.loss_states[name])
            assert moved == (owners(loss)[name] == mover), name


def within_bounds(state):
    """Set BEGAN's k to the middle, since at a bound it may not change."""
    k = {"boundary_equilibrium": jnp.float32(0.5)}
    return state._replace(
        loss_states=state.loss_states | {n: k[n] for n in k if n in state.loss_states}
    )


def owners(loss):
    """Return the player whose substeps update each term's state, if it has one."""
    states = {
        "lecam": "discriminator",
        "boundary_equilibrium": "discriminator",
        "path_length": "generator",
        "historical_averaging": "generator",
    }
    return {name: states.get(name) for name in loss.terms}


@pytest.mark.parametrize(
    ("loss", "penalties", "settings"),
    [
        row if row is FIRST else pytest.param(*row, marks=pytest.mark.slow)
        for row in ROWS
    ],
)
def test_a_covering_subset_steps(loss, penalties, settings):
    whole = chain(ADVERSARIAL[loss], *(PENALTIES[penalty] for penalty in penalties))
    check_a_step(whole, **settings)


ONE_DIVERGENCE = [
    name
    for name in ADVERSARIAL
    if not name.startswith("f_divergence") or name == "f_divergence: kl"
]
"""All losses but for f-divergences, which differ in functions of a logit alone."""


@pytest.mark.slow
@pytest.mark.parametrize("loss", ONE_DIVERGENCE)
def test_every_loss_builds_with_every_penalty(loss):
    for penalty in PENALTIES:
        both = chain(ADVERSARIAL[loss], PENALTIES[penalty])
        algorithm = algorithm_of(both)  # plays a round of each player by eval_shape
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        assert state.loss_states.keys() == both.terms.keys()
        assert len(both.terms) == 2
