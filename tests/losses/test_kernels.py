import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import energy_distance

from jaxgan import InputError, Score
from jaxgan.losses import cramer, gaussian, mmd, rational_quadratic
from jaxgan.losses.kernels import negative_distance
from tests.builders import play, random, round_of

REAL, FAKE = random(0, 5, scale=2), random(1, 7, scale=2) + 1
R, F = np.asarray(REAL, "f8"), np.asarray(FAKE, "f8")


def value(loss, real=REAL, fake=FAKE, **fields):
    """Return the generator's loss, after checking that the game is zero-sum."""
    discriminator, generator = both(loss, real, fake, **fields)
    assert discriminator == -generator
    return float(generator)


def both(loss, real, fake, **fields):
    """Return the losses of the discriminator and of the generator."""
    [name] = loss.terms
    paid = play(loss, round_of(real, fake, **fields))
    return paid["discriminator"][name], paid["generator"][name]


def by_pairs(k, x, y):
    """Compute MMD² by its definition, pair by pair."""
    own = [
        np.mean([k(a, b) for a, b in itertools.permutations(points, 2)])
        for points in (x, y)
    ]
    return sum(own) - 2 * np.mean([k(a, b) for a, b in itertools.product(x, y)])


@pytest.mark.parametrize(
    ("kernel", "formula"),
    [
        # Gretton et al. 2012, lemma 6, with each paper's kernel
        (gaussian((1.0,)), lambda x, y: math.exp(-((x - y) ** 2) / 2)),
        (
            gaussian((0.5, 3.0)),
            lambda x, y: sum(math.exp(-((x - y) ** 2) / (2 * s * s)) for s in (0.5, 3)),
        ),
        (rational_quadratic((1.0,)), lambda x, y: 1 / (1 + (x - y) ** 2 / 2)),
        (
            rational_quadratic(),
            lambda x, y: sum(
                (1 + (x - y) ** 2 / (2 * a)) ** -a for a in (0.2, 0.5, 1, 2, 5)
            ),
        ),
        (lambda x, y: x @ y.T, lambda x, y: x * y),
    ],
    ids=["gaussian", "two gaussians", "quadratic", "five quadratics", "linear"],
)
def test_mmd_is_the_mean_over_pairs(kernel, formula):
    assert value(mmd(kernel)) == pytest.approx(by_pairs(formula, R, F), abs=1e-5)


def test_two_pairs_by_hand():
    # k(0, 1) = e^-½, k(0, 3) = e^-4.5, k(1, 3) = e^-2 with reals 0, 1 and fakes 0, 3.
    k01, k03, k13 = math.exp(-0.5), math.exp(-4.5), math.exp(-2)
    expected = k01 + k03 - 2 * (1 + k03 + k01 + k13) / 4
    found = value(mmd(gaussian()), jnp.array([0.0, 1.0]), jnp.array([0.0, 3.0]))
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_cramer_distance_is_the_energy_distance():
    # SciPy's is the square root of the biased one, including pairs i = j.
    ours = value(cramer())
    assert ours == pytest.approx(by_pairs(lambda x, y: -abs(x - y), R, F), abs=1e-5)
    biased = ours + sum(
        np.abs(x[:, None] - x[None, :]).sum() * (1 / (n * (n - 1)) - 1 / n**2)
        for x, n in ((R, 5), (F, 7))
    )
    assert biased == pytest.approx(energy_distance(R, F) ** 2, abs=1e-5)


def test_on_a_line_it_is_twice_the_squared_distance_of_the_distributions():
    # Bellemare et al. 2017: 𝓔 = 2 ∫ (F_P - F_Q)²; of 0 and 4 against 1 and 2 the
    # distribution functions differ by ½ on [0, 1] and on [2, 4], so 𝓔 = 1.5 with pairs
    # i = j; without them E|x - x'| is 4 and not 2, and E|y - y'| 1 and not ½.
    found = value(cramer(), jnp.array([0.0, 4.0]), jnp.array([1.0, 2.0]))
    assert found == pytest.approx(1.5 - 2 - 0.5, abs=1e-6)


@pytest.mark.parametrize("loss", [mmd(), cramer()], ids=["mmd", "cramer"])
def test_the_estimate_has_no_bias(loss):
    pairs = [(random(2 * i, 6), random(2 * i + 1, 6)) for i in range(10, 410)]
    reals, fakes = map(jnp.stack, zip(*pairs, strict=True))
    theirs, found = jax.jit(jax.vmap(partial(both, loss)))(reals, fakes)
    np.testing.assert_array_equal(theirs, -found)
    # Of equal distributions: zero, within three standard errors.
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))
    assert np.std(found) > 0.01


@pytest.mark.parametrize("loss", [mmd(), cramer()], ids=["mmd", "cramer"])
def test_a_shift_of_all_logits_changes_nothing(loss):
    assert value(loss, REAL + 8, FAKE + 8) == pytest.approx(value(loss), abs=1e-5)


def test_any_embedding_will_do():
    real, fake = random(2, 5, 2, 3), random(3, 4, 2, 3) + 1
    scores = {
        "real_score": Score(jnp.zeros(5), features={"code": real}),
        "fake_score": Score(jnp.zeros(4), features={"code": fake}),
    }
    loss = mmd(gaussian((2.0,)), embed=lambda score: score.features["code"])
    x, y = (np.asarray(points, "f8").reshape(-1, 6) for points in (real, fake))

    def k(a, b):
        return math.exp(-((a - b) ** 2).sum() / 8)

    assert value(loss, **scores) == pytest.approx(by_pairs(k, x, y), abs=1e-5)


def test_examples_count_by_their_weights():
    # The definition, pair by pair, with v normalized to mean one.
    v = np.array([2.0, 0, 1, 0.5, 1.5])
    pairs = [*itertools.permutations(range(5), 2)]
    mass = sum(v[i] * v[j] for i, j in pairs)
    own = sum(v[i] * v[j] * abs(R[i] - R[j]) for i, j in pairs) / mass
    fakes = np.mean([abs(a - b) for a, b in itertools.permutations(F, 2)])
    between = (v[:, None] * np.abs(R[:, None] - F[None])).mean()
    found = value(cramer(), weight=jnp.asarray(v, jnp.float32))
    assert found == pytest.approx(2 * between - own - fakes, abs=1e-5)


@pytest.mark.parametrize("loss", [mmd(), cramer()], ids=["mmd", "cramer"])
def test_weights_2_and_0_equal_the_kept_examples_alone(loss):
    real, fake = random(2, 6), random(3, 8)
    v = jnp.array([2.0, 0, 2, 0, 0, 2])
    w = jnp.array([0, 0, 2.0, 0, 2, 2, 2, 0])
    found = value(loss, real, fake, weight=v, fake_weight=w)
    assert found == pytest.approx(value(loss, real[v > 0], fake[w > 0]), abs=1e-6)


@pytest.mark.parametrize("loss", [mmd(), cramer()], ids=["mmd", "cramer"])
def test_a_single_example_of_positive_weight_has_no_pairs(loss):
    found = value(loss, weight=jnp.array([0.0, 5, 0, 0, 0]))
    assert math.isfinite(found)


def test_kernels_are_symmetric_and_positive():
    points = random(4, 20, 3)
    for kernel in (gaussian((0.7, 2.0)), rational_quadratic()):
        values = np.asarray(kernel(points, points), "f8")
        np.testing.assert_allclose(values, values.T, atol=1e-6)
        assert np.linalg.eigvalsh(values).min() > -1e-5
    distances = -np.asarray(negative_distance(points, points))
    assert np.diag(distances).tolist() == [0.0] * 20


@pytest.mark.parametrize("loss", [mmd(), cramer()], ids=["mmd", "cramer"])
def test_one_example_is_not_enough(loss):
    [name] = loss.terms
    with pytest.raises(InputError, match=f"{name} compares .* at least 2 reals"):
        value(loss, REAL[:1])


@pytest.mark.parametrize("weight", [0.5, 3.0, 0.0])
def test_equal_weights_change_nothing(weight):
    for loss in (mmd(), cramer()):
        weighed = value(loss, weight=jnp.full(5, weight))
        assert weighed == pytest.approx(value(loss), abs=1e-5)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_scales_must_be_positive(wrong):
    with pytest.raises(InputError, match="gaussian: bandwidth must be"):
        gaussian((1.0, wrong))
    with pytest.raises(InputError, match="rational_quadratic: scale must be"):
        rational_quadratic((wrong,))
