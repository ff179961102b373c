import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    InputError,
    Network,
    Score,
    Variables,
    View,
    chain,
    gan,
    gradient_penalty,
    mlp,
    non_saturating,
    priors,
    r1,
    r2,
    wasserstein,
)
from jaxgan.dynamics.checks import check_problem
from jaxgan.dynamics.field import init_state, play_round, substep
from jaxgan.games.pairing import joint, separate
from jaxgan.games.rounds import as_score
from tests.builders import algorithm_of, assert_close, reals, small_game, unchecked

OPTIMIZERS = {name: optax.sgd(0.1) for name in ("generator", "discriminator")}


def one_round(game, batch=None, player="discriminator", fakes=None):
    """A round of a new game: its record, the outcome and the state before it."""
    batch = reals(0) if batch is None else batch
    problem = check_problem(game, OPTIMIZERS, batch, fakes)
    state = init_state(problem, jax.random.key(1))
    record, outcome = play_round(problem, state, [player], batch, jax.random.key(2))
    return record, outcome, state


def apply(game, state, name, *inputs, **options):
    return game.networks[name].apply(state.variables[name], *inputs, **options)[0]


def test_a_record_is_what_its_networks_compute():
    game = small_game()
    record, outcome, state = one_round(game)
    assert_close(record.real, reals(0).real)
    assert record.latent.shape == (8, 3)
    assert_close(record.fake, apply(game, state, "generator", record.latent))
    for images, score in (
        (record.real, record.real_score),
        (record.fake, record.fake_score),
    ):
        assert_close(score.logits, apply(game, state, "discriminator", images))
        assert_close(record.critic(images).logits, score.logits)
    assert_close(record.generate(record.latent), record.fake)
    assert_close(
        dict(record.params), {name: v.params for name, v in state.variables.items()}
    )
    assert set(outcome.stats) == {"generator", "discriminator"}


@pytest.mark.parametrize("side", ["real", "fake"])
def test_pullbacks_are_gradients_of_the_critic(side):
    record, _, _ = one_round(small_game())
    images = getattr(record, side)
    slope = jax.grad(lambda x: record.critic(x).logits.sum())(images)
    pulled = getattr(record, f"{side}_pullback")(jnp.ones(8))
    assert_close(pulled, slope, rtol=1e-5)


def test_probes_run_in_the_mode_named_and_write_no_statistics():
    game = small_game(normed=("generator", "discriminator"))
    record, outcome, state = one_round(game)
    d, g = (state.variables[name].stats for name in ("discriminator", "generator"))
    assert not np.allclose(record.critic(record.real, train=False).logits, 0)
    for train in (True, False):
        assert_close(
            record.critic(record.real, train=train).logits,
            apply(game, state, "discriminator", record.real, train=train),
        )
        assert_close(
            record.generate(record.latent, train=train),
            apply(game, state, "generator", record.latent, train=train),
        )
    # The round itself passed the reals, then the fakes, once each.
    _, after = game.networks["generator"].apply(
        state.variables["generator"], record.latent
    )
    assert_close(outcome.stats["generator"], after)
    discriminator = state.variables["discriminator"]
    for images in (record.real, record.fake):
        _, after = game.networks["discriminator"].apply(discriminator, images)
        discriminator = discriminator._replace(stats=after)
    assert_close(outcome.stats["discriminator"], discriminator.stats)
    for before, name in ((d, "discriminator"), (g, "generator")):
        change = jax.tree.map(
            lambda a, b: abs(a - b).max(), before, outcome.stats[name]
        )
        assert min(jax.tree.leaves(change)) > 0


@pytest.mark.parametrize(("normed", "alike"), [((), True), (("discriminator",), False)])
def test_the_pairing_is_the_one_named(normed, alike):
    logits = {}
    for pairing in (separate, joint):
        record, _, _ = one_round(small_game(normed=normed, pairing=pairing))
        logits[pairing] = record.real_score.logits
    assert np.allclose(logits[separate], logits[joint], atol=1e-6) == alike


@pytest.mark.parametrize("pairing", [separate, joint])
def test_pullbacks_see_every_example_that_batch_norm_saw(pairing):
    game = small_game(normed=("discriminator",), pairing=pairing)
    record, _, state = one_round(game)

    def total(real):
        batch = (real, record.fake) if pairing is joint else (real,)
        logits = apply(game, state, "discriminator", jnp.concatenate(batch))
        return logits[:8].sum()

    assert_close(
        record.real_pullback(jnp.ones(8)), jax.grad(total)(record.real), rtol=1e-4
    )


def test_a_view_shows_the_discriminator_other_images_but_penalties_see_the_first():
    view = View(show=lambda state, key, x, step: 2 * x + 1)
    game = small_game(view=view)
    record, _, state = one_round(game)
    assert_close(record.real, reals(0).real)
    assert_close(
        record.real_score.logits,
        apply(game, state, "discriminator", 2 * record.real + 1),
    )
    assert_close(record.critic(record.real).logits, record.real_score.logits)
    slope = jax.grad(lambda x: apply(game, state, "discriminator", 2 * x + 1).sum())(
        record.real
    )
    assert_close(record.real_pullback(jnp.ones(8)), slope, rtol=1e-5)


def test_a_view_may_pool_and_group():
    view = View(
        init=lambda reals: jnp.zeros((4, 4)),
        pool=lambda state, fake, key, player: (fake + 1, state + 1),
        group=lambda x: x.reshape(-1, 4),
        adapt=lambda state, record: 10 * state + record.mean(record.fake_score.logits),
    )
    game = small_game(view=view)
    record, outcome, state = one_round(game)
    fake = apply(game, state, "generator", record.latent)
    assert_close(record.fake, (fake + 1).reshape(4, 4))
    assert_close(record.real, reals(0).real.reshape(4, 4))
    assert record.fake_score.logits.shape == (4,)
    after = jnp.full((4, 4), 10 + record.fake_score.logits.mean())
    assert_close(outcome.view_states, {"discriminator": after})


def test_a_condition_reaches_both_networks():
    labels = jax.nn.one_hot(jnp.arange(8) % 3, 3)
    batch = reals(0)._replace(condition=(labels,))
    game = small_game(chain(non_saturating(), gradient_penalty(), r1(1.0)))
    record, _, state = one_round(game, batch)
    assert_close(record.fake, apply(game, state, "generator", record.latent, labels))
    assert_close(
        record.critic(record.fake, (labels,)).logits,
        apply(game, state, "discriminator", record.fake, labels),
    )
    other = apply(game, state, "generator", record.latent, labels[::-1])
    assert not np.allclose(record.fake, other)


def test_weights_of_the_batch_reach_the_loss():
    weight = jnp.arange(8.0)
    record, outcome, _ = one_round(
        small_game(wasserstein()), reals(0)._replace(weight=weight)
    )
    paid = outcome.losses["discriminator"]["wasserstein"]
    expected = (
        record.fake_score.logits.mean() - (weight * record.real_score.logits).mean()
    )
    assert_close(paid, expected)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4,), (4,)),
        ((4, 1), (4,)),
        ((4, 3, 2), (4, 3, 2)),
        ((4, 3, 2, 1), (4, 3, 2)),
        ((1,), (1,)),
    ],
)
def test_logits_of_all_usual_shapes_make_a_score(shape, expected):
    logits = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    score = as_score(logits)
    assert score.logits.shape == expected
    assert score.logits.tolist() == logits.reshape(expected).tolist()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (jnp.bfloat16, jnp.float32),
        (jnp.float16, jnp.float32),
        (jnp.float32, jnp.float32),
    ],
)
def test_scores_are_float32_and_keep_their_features(given, expected):
    features = jnp.ones(3, jnp.bfloat16)
    score = as_score(Score(jnp.ones((4, 1), given), features, extra=features))
    assert score.logits.dtype == jnp.float32
    assert score.features is features and score.extra is features


def test_float64_logits_stay_wide():
    with jax.enable_x64(True):
        assert as_score(jnp.ones(4, jnp.float64)).logits.dtype == jnp.float64


def test_a_bfloat16_game_pays_in_float32():
    def narrow(network):
        def apply(variables, *inputs, **options):
            output, stats = network.apply(variables, *inputs, **options)
            return output.astype(jnp.bfloat16), stats

        return network._replace(apply=apply)

    loss = chain(non_saturating(), gradient_penalty(), r1(1.0), r2(1.0))
    game = gan(mlp((2,), (4,)), narrow(mlp((), (4,))), loss, priors.normal(3))
    _, outcome, _ = one_round(game)
    for terms in outcome.losses.values():
        for amount in terms.values():
            assert amount.dtype == jnp.float32
            assert jnp.isfinite(amount)


def test_what_is_observed_tells_collapse_in_numbers():
    record, outcome, _ = one_round(small_game())
    seen = outcome.diagnostics
    real, fake = (np.asarray(s.logits) for s in (record.real_score, record.fake_score))
    assert float(seen["discriminator"]["logit_gap"]) == pytest.approx(
        real.mean() - fake.mean(), abs=1e-6
    )
    assert float(seen["discriminator"]["accuracy"]) == pytest.approx(
        ((real > 0).mean() + (fake < 0).mean()) / 2
    )
    real, fake = (np.asarray(x).std(axis=0).mean() for x in (record.real, record.fake))
    assert float(seen["generator"]["diversity"]) == pytest.approx(fake / real, rel=1e-5)


def test_a_collapsed_generator_has_no_diversity():
    collapsed = Network(
        init=lambda key, z: Variables(jnp.zeros(2)),
        apply=lambda v, z, key=None, train=True: (
            jnp.broadcast_to(v.params, (len(z), 2)),
            (),
        ),
    )
    game = gan(collapsed, mlp((), (4,)), non_saturating(), priors.normal(3))
    _, outcome, _ = one_round(game)
    assert outcome.diagnostics["generator"]["diversity"] == 0.0


def test_prepare_runs_before_any_apply_and_is_differentiated():
    def doubled(variables):
        return variables._replace(
            params=jax.tree.map(lambda p: 2 * p, variables.params)
        )

    linear = Network(
        init=lambda key, x: Variables(jnp.array([1.0, -1.0])),
        apply=lambda v, x, key=None, train=True: (x @ v.params, ()),
        prepare=doubled,
    )
    game = gan(mlp((2,), (4,)), linear, chain(r1(1.0), wasserstein()), priors.normal(3))
    record, _, state = one_round(game)
    w = state.variables["discriminator"].params
    assert_close(record.real_score.logits, record.real @ (2 * w))
    assert_close(record.params["discriminator"], w)

    problem = check_problem(
        game, {**OPTIMIZERS, "discriminator": optax.sgd(1.0)}, reals(0)
    )
    key = jax.random.key(2)
    after, _ = substep(problem, state, "discriminator", reals(0), key)
    # d/dw [|2w|²/2 + 2w·(E fake - E real)] = 4w + 2 (E fake - E real)
    slope = 4 * w + 2 * (record.fake.mean(0) - record.real.mean(0))
    assert_close(after.variables["discriminator"].params, w - slope, rtol=1e-5)


def test_a_round_passes_through_transformations():
    game = small_game()
    problem = check_problem(game, OPTIMIZERS, reals(0))
    state = init_state(problem, jax.random.key(1))

    def slope(record):
        return record.real_pullback(jnp.ones(8)), record.critic(record.fake).logits

    def by_way_of(transform):
        def run(key):
            record, _ = play_round(problem, state, ["generator"], reals(0), key)
            return transform(record)

        return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(0), 2))

    def through_cond(record):
        return jax.lax.cond(record.fake.sum() > 0, slope, slope, record)

    def through_scan(record):
        _, slopes = jax.lax.scan(lambda r, _: (r, slope(r)), record, length=2)
        return jax.tree.map(lambda x: x[1], slopes)

    expected = by_way_of(slope)
    for transform in (jax.checkpoint(slope), through_cond, through_scan):
        assert_close(by_way_of(transform), expected)


def test_a_pairing_must_be_known():
    with (
        unchecked(),
        pytest.raises(InputError, match=r"pairing must be a function of .*separate"),
    ):
        small_game(pairing="joint")


def test_generated_examples_must_be_like_the_data():
    game = gan(mlp((3,), (4,)), mlp((), (4,)), non_saturating(), priors.normal(3))
    with pytest.raises(InputError, match=r"shape \(3,\), but the data's are \(2,\)"):
        one_round(game)


def test_a_conditional_game_needs_as_many_fakes_as_reals():
    batch = reals(0)._replace(condition=(jnp.zeros((8, 1)),))
    with pytest.raises(
        InputError, match=r"as many fakes as reals.* batches of \[6, 8\]"
    ):
        one_round(small_game(), batch, fakes={"generator": 6})


def test_gradient_penalty_refuses_unequal_batches_when_the_game_is_built():
    game = small_game(chain(wasserstein(), gradient_penalty()))
    with pytest.raises(InputError, match="8 reals and 6 fakes"):
        algorithm_of(game, fake_batch_sizes={"discriminator": 6})


def test_a_game_of_trees_is_a_game():
    tree = {"x": jnp.zeros((8, 2)), "y": jnp.zeros((8,))}
    generator = Network(
        init=lambda key, z: Variables(jnp.ones((1, 3))),
        apply=lambda v, z, key=None, train=True: (
            {"x": (z * v.params)[:, :2], "y": z[:, 2]},
            (),
        ),
    )
    discriminator = Network(
        init=lambda key, image: Variables(jnp.ones(2)),
        apply=lambda v, image, key=None, train=True: (
            image["x"] @ v.params + image["y"],
            (),
        ),
    )
    game = gan(generator, discriminator, non_saturating(), priors.normal(3))
    record, outcome, _ = one_round(game, Batch(tree))
    assert_close(record.fake_score.logits, record.fake["x"].sum(-1) + record.fake["y"])
    assert set(outcome.losses) == {"generator", "discriminator"}
