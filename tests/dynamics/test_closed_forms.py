"""Every dynamics on games whose course is known: spectral radii to 1e-6, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    Batch,
    View,
    alternating,
    chain,
    extragradient,
    minimax,
    non_saturating,
    r1,
    r2,
    simultaneous,
    wasserstein,
)
from jaxgan.algorithms import lookahead
from jaxgan.dynamics import (
    consensus,
    optimistic,
    past_extragradient,
    proximal_point,
    symplectic_adjustment,
    unrolled,
)
from jaxgan.theory.games import bilinear, dirac_gan, quadratic
from jaxgan.theory.spectrum import jacobian, spectral_radius
from tests.builders import tiered

SIZES = (0.1, 0.3, 0.5, 0.7, 0.9)
BATCH = Batch(np.zeros((1, 1)))  # JAX's would be of float32 here


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def played(dynamics, size, game=None, *, substeps=1, warm=1, others=None):
    """An algorithm, its state after some steps, and a step's batches."""
    game = bilinear() if game is None else game
    optimizers = {player: optax.sgd(size) for player in game.players} | (others or {})
    algorithm = dynamics(game, optimizers, BATCH)
    batches = (BATCH,) * substeps
    state = algorithm.init(jax.random.key(0))
    for _ in range(warm):
        state, _ = algorithm.step(state, batches)
    return algorithm, state, batches


# Spectral radii on the bilinear game


def of_optimistic(e):
    # The roots of z² - (1 ± 2ie)z ± ie, also beyond e = ½.
    roots = np.roots([1, -(1 + 2j * e), 1j * e])
    return max(abs(roots))


CLOSED = {
    "simultaneous": (simultaneous, 1, lambda e: np.sqrt(1 + e**2)),
    "alternating": (alternating, 2, lambda e: 1.0),
    "extragradient": (extragradient, 2, lambda e: np.sqrt(1 - e**2 + e**4)),
    "past_extragradient": (past_extragradient, 1, of_optimistic),
    "optimistic": (optimistic, 1, of_optimistic),
    "proximal_point": (
        partial(proximal_point, iterations=1),
        1,
        lambda e: 1 / np.sqrt(1 + e**2),
    ),
    "consensus": (
        partial(consensus, weight=0.5),
        1,
        lambda e: np.sqrt((1 - e * 0.5) ** 2 + e**2),
    ),
    "symplectic_adjustment": (
        partial(symplectic_adjustment, weight=0.5),
        1,
        lambda e: np.sqrt((1 - e * 0.5) ** 2 + e**2),
    ),
}


@pytest.mark.parametrize("size", tiered(SIZES, [0.3]))
@pytest.mark.parametrize("name", CLOSED)
def test_spectral_radius_on_the_bilinear_game(name, size):
    dynamics, substeps, radius = CLOSED[name]
    found = spectral_radius(*played(dynamics, size, substeps=substeps))
    assert found == pytest.approx(radius(size), abs=1e-6)


def test_the_tables_own_numbers():
    published = {
        "extragradient": (0.995038, 0.958175, 0.901388),
        "optimistic": (0.994936, 0.948683, 0.707107),
        "proximal_point": (0.995037, 0.957826, 0.894427),
        "consensus": (0.955249, 0.901388, 0.901388),
    }
    for name, radii in published.items():
        _, _, radius = CLOSED[name]
        for size, value in zip((0.1, 0.3, 0.5), radii, strict=True):
            assert radius(size) == pytest.approx(value, abs=1e-6)


def of_momentum(e, beta=-0.5):
    """The same step, written out on (x, its memory, y, its memory)."""

    def step(x, m, y, n):
        n = -x + beta * n
        y = y - e * n
        m = y + beta * m
        return x - e * m, m, y, n

    return max(abs(np.linalg.eigvals(np.array([step(*row) for row in np.eye(4)]).T)))


@pytest.mark.parametrize("size", tiered([*SIZES, 1.0], [0.1, 1.0]))
def test_negative_momentum(size):
    momentum = dict.fromkeys(
        ("generator", "discriminator"), optax.sgd(size, momentum=-0.5)
    )
    found = spectral_radius(*played(alternating, size, substeps=2, others=momentum))
    assert found == pytest.approx(of_momentum(size), abs=1e-6)
    published = {0.1: 0.998518, 0.5: 0.962544, 0.7: 0.925968, 1.0: 1.0}
    assert found == pytest.approx(published.get(size, found), abs=1e-6)


@pytest.mark.parametrize("fast", tiered([0.1, 0.5, 1.0, 2.0, 4.0], [0.1, 4.0]))
def test_two_time_scales_alone_do_not_help(fast):
    slow = {"generator": optax.sgd(0.1)}
    found = spectral_radius(*played(simultaneous, fast, others=slow))
    assert found == pytest.approx(np.sqrt(1 + 0.1 * fast), abs=1e-6)


def test_optimistic_threshold():
    threshold = 1 / np.sqrt(3)
    assert spectral_radius(*played(optimistic, threshold)) == pytest.approx(1, abs=1e-6)
    assert spectral_radius(*played(optimistic, threshold - 0.01)) < 1 - 1e-3
    assert spectral_radius(*played(optimistic, threshold + 0.01)) > 1 + 1e-3


# Trajectories

# The papers' order: then x² + y² - ηxy is what is conserved.
GENERATOR_FIRST = partial(alternating, order=("generator", "discriminator"))


def point(state):
    x, y = (state.variables[name].params[0] for name in "xy")
    return float(x), float(y)


@pytest.mark.parametrize("size", tiered([0.1, 0.5, 1.0], [0.5]))
def test_alternating_conserves_its_energy(size):
    algorithm, state, batches = played(GENERATOR_FIRST, size, substeps=2, warm=0)
    step = jax.jit(algorithm.step)

    def energy(state):
        x, y = point(state)
        return x * x + y * y - size * x * y

    start = energy(state)
    for _ in range(1000):
        state, _ = step(state, batches)
    assert energy(state) == pytest.approx(start, abs=1e-9)


def test_simultaneous_grows_by_its_radius():
    algorithm, state, batches = played(simultaneous, 0.1, warm=0)
    step = jax.jit(algorithm.step)
    for _ in range(100):
        state, _ = step(state, batches)
    grown = np.sqrt(2) * (1 + 0.1**2) ** 50
    assert np.hypot(*point(state)) == pytest.approx(grown, rel=1e-9)


def test_the_first_optimistic_move_is_plain():
    moves = [played(dynamics, 0.3, warm=0) for dynamics in (optimistic, simultaneous)]
    plain = [point(algorithm.step(state, data)[0]) for algorithm, state, data in moves]
    assert plain[0] == plain[1]


def test_extrapolation_from_the_past_looks_where_optimistic_goes():
    algorithm, state, batches = played(past_extragradient, 0.3, warm=0)
    rotate = np.array([[0, 1], [-1, 0]])  # F = (y, -x)
    w = [np.array(point(state))]
    for _ in range(12):
        state, _ = algorithm.step(state, batches)
        w.append(np.array(point(state)))
    # The steps give away where the gradients were taken: w - w⁺ = η F(w½).
    seen = [np.linalg.solve(0.3 * rotate, w[i] - w[i + 1]) for i in range(12)]
    np.testing.assert_allclose(seen[0], w[0], atol=1e-12)
    for before, here, after in zip(seen, seen[1:], seen[2:], strict=False):
        expected = here - 0.6 * rotate @ here + 0.3 * rotate @ before
        np.testing.assert_allclose(after, expected, atol=1e-12)


# Three players, and the Jacobian that was asked for


# The dynamics, its substeps, the Jacobian of its step of 0.1, and how exact it is.
OF_FIELDS = {
    "simultaneous": (simultaneous, 1, lambda one, f: one - 0.1 * f, 1e-12),
    "extragradient": (
        extragradient,
        2,
        lambda one, f: one - 0.1 * f @ (one - 0.1 * f),
        1e-12,
    ),
    "consensus": (
        partial(consensus, weight=0.3),
        1,
        lambda one, f: one - 0.1 * (f + 0.3 * f.T @ f),
        1e-12,
    ),
    "proximal_point": (
        proximal_point,
        1,
        lambda one, f: np.linalg.inv(one + 0.1 * f),
        1e-9,
    ),
}


@pytest.mark.parametrize("name", tiered(OF_FIELDS, {*OF_FIELDS} - {"proximal_point"}))
def test_three_players_have_the_jacobian_of_their_blocks(name):
    blocks = {
        ("a", "a"): [[2.0, 0.5], [0.5, 1.0]],
        ("a", "b"): [[1.0], [-1.0]],
        ("b", "c"): [[3.0]],
        ("c", "a"): [[-1.0, 0.25]],
        ("c", "c"): [[0.75]],
    }
    game = quadratic(blocks, {"a": [1.0, 2.0], "b": [0.5], "c": [-1.0]})
    field = np.array(
        [[2, 0.5, 1, 0], [0.5, 1, -1, 0], [0, 0, 0, 3], [-1, 0.25, 0, 0.75]]
    )
    dynamics, substeps, expected, atol = OF_FIELDS[name]
    step = jacobian(*played(dynamics, 0.1, game, substeps=substeps))
    np.testing.assert_allclose(step, expected(np.eye(4), field), atol=atol)


@pytest.mark.parametrize(("attraction", "sign"), [(1.0, 1), (-1.0, -1)])
def test_symplectic_adjustment_turns_to_stable_points_and_from_others(attraction, sign):
    blocks = {
        ("a", "a"): [[attraction]],
        ("b", "b"): [[attraction]],
        ("a", "b"): [[2.0]],
        ("b", "a"): [[-2.0]],
    }
    game = quadratic(blocks, {"a": [1.0], "b": [0.5]})
    field = np.array([[attraction, 2.0], [-2.0, attraction]])
    w = np.array([1.0, 0.5])
    adjusted = field @ w + sign * (field - field.T).T / 2 @ field @ w
    algorithm, state, batches = played(symplectic_adjustment, 0.1, game, warm=0)
    state, _ = algorithm.step(state, batches)
    found = [float(state.variables[name].params[0]) for name in "ab"]
    np.testing.assert_allclose(found, w - 0.1 * adjusted, rtol=1e-12)


# By hand: lookahead and unrolled


@pytest.mark.parametrize("size", tiered(SIZES, SIZES[:2]))
def test_lookahead_against_powers_of_the_inner_step(size):
    def dynamics(*of):
        return lookahead(simultaneous(*of), period=5, slow_step_size=0.5)

    algorithm, state, batches = played(dynamics, size, warm=0)
    inner = np.array([[1, -size], [size, 1]])
    five = np.linalg.matrix_power(inner, 5)
    w = np.array([1.0, 1.0])
    for i in range(1, 21):
        state, _ = algorithm.step(state, batches)
        if i % 5 == 0:
            w = (w + five @ w) / 2
            np.testing.assert_allclose(point(state), w, rtol=1e-12)
    # Two thirds of a turn per period and the mean is inside: it converges.
    radius = max(abs(np.linalg.eigvals((np.eye(2) + five) / 2)))
    assert (np.hypot(*w) < np.sqrt(2)) == (radius < 1)


@pytest.mark.parametrize("size", tiered(SIZES, [0.1, 0.9]))
def test_unrolled_by_hand_on_the_bilinear_game(size):
    # y_k = y + kηx, so x pays x·y_k, whose total derivative is y + 2kηx.
    k = 3
    dynamics = partial(unrolled, unroll_steps=k)
    found = jacobian(*played(dynamics, size, substeps=2))
    discriminator = np.array([[1, 0], [size, 1]])
    generator = np.array([[1 - 2 * k * size**2, -size], [0, 1]])
    np.testing.assert_allclose(found, generator @ discriminator, atol=1e-12)


def test_unrolled_looks_through_momentum():
    # Heavy ball from a memory m: y₁ = y + η(x + βm)…, with x's derivative through it.
    momentum = {"discriminator": optax.sgd(0.1, momentum=0.9)}
    algorithm, state, batches = played(
        partial(unrolled, unroll_steps=2), 0.1, substeps=2, warm=1, others=momentum
    )
    x, y = point(state)
    [m] = (float(v[0]) for v in jax.tree.leaves(state.opt_states["discriminator"]))
    after, _ = algorithm.step(state, batches)
    # optax's trace: t ← g + 0.9 t, g = -x.
    t = -x + 0.9 * m
    y = y - 0.1 * t  # the discriminator's own move
    first = -x + 0.9 * t
    second = -x + 0.9 * first
    foreseen = y - 0.1 * (first + second)
    slope = 0.1 * (1 + 1.9)  # d foreseen / dx
    expected = x - 0.1 * (foreseen + x * slope), y
    np.testing.assert_allclose(point(after), expected, rtol=1e-12)


# The Dirac-GAN, in continuous time


def of_the_field(game, size=1e-3):
    """Eigenvalues of -F at the origin, from those of a step of simultaneous descent."""
    step = jacobian(*played(simultaneous, size, game, warm=0))
    return eigenvalues_of_field(step, size)


def eigenvalues_of_field(step, size):
    return np.sort_complex(np.linalg.eigvals((step - np.eye(len(step))) / size))


def noise(variance):
    """Instance noise of exactly this variance: the two points a batch of two needs."""
    signs = jnp.array([[1.0], [-1.0]])
    return View(show=lambda state, key, x, step: x + jnp.sqrt(variance) * signs)


def pair(a, b):
    return np.sort_complex(np.array([a, b]))


AT_ORIGIN = (0.0, 0.0)


@pytest.mark.parametrize("loss", [minimax, non_saturating])
def test_unregularized_dirac_gan_rotates(loss):
    values = of_the_field(dirac_gan(loss(), AT_ORIGIN))
    np.testing.assert_allclose(values, pair(-0.5j, 0.5j), atol=1e-9)


def test_dirac_wasserstein_rotates():
    values = of_the_field(dirac_gan(wasserstein(), AT_ORIGIN))
    np.testing.assert_allclose(values, pair(-1j, 1j), atol=1e-9)


@pytest.mark.parametrize("penalty", [r1, r2])
@pytest.mark.parametrize("gamma", tiered([0.1, 0.3, 0.9, 1.5, 3.0], [0.3, 3.0]))
def test_dirac_gan_under_r1_and_r2(gamma, penalty):
    values = of_the_field(dirac_gan(chain(minimax(), penalty(gamma)), AT_ORIGIN))
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    expected = pair(-gamma / 2 - root, -gamma / 2 + root)
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_dirac_gan_is_critically_damped_at_one():
    # A double eigenvalue is defective: its rounding is the square root of the usual.
    values = of_the_field(dirac_gan(chain(minimax(), r1(1.0)), AT_ORIGIN))
    np.testing.assert_allclose(values, [-0.5, -0.5], atol=1e-6)


@pytest.mark.parametrize("variance", tiered([0.5, 1.0, 1.9, 2.0, 3.0], [0.5, 3.0]))
def test_dirac_gan_under_instance_noise(variance):
    game = dirac_gan(minimax(), AT_ORIGIN, view=noise(variance))
    optimizers = {player: optax.sgd(1e-3) for player in game.players}
    two = Batch(jnp.zeros((2, 1)))
    algorithm = simultaneous(game, optimizers, two)
    state = algorithm.init(jax.random.key(0))
    values = eigenvalues_of_field(jacobian(algorithm, state, (two,)), 1e-3)
    root = np.sqrt(complex(variance**2 / 16 - 1 / 4))
    expected = pair(-variance / 4 - root, -variance / 4 + root)
    tolerance = 1e-6 if variance == 2.0 else 1e-9
    np.testing.assert_allclose(values, expected, atol=tolerance)


def test_dirac_gan_under_consensus():
    game = dirac_gan(minimax(), AT_ORIGIN)
    optimizers = {player: optax.sgd(1e-3) for player in game.players}
    algorithm = consensus(game, optimizers, BATCH, weight=1.0)
    state = algorithm.init(jax.random.key(0))
    values = eigenvalues_of_field(jacobian(algorithm, state, (BATCH,)), 1e-3)
    np.testing.assert_allclose(values, pair(-0.25 - 0.5j, -0.25 + 0.5j), atol=1e-9)


COURSES = [
    (minimax(), simultaneous, 1, 500, 2.25, 0.005),
    (minimax(), simultaneous, 1, 5000, 3.63, 0.005),
    (minimax(), GENERATOR_FIRST, 2, 500, 1.42, 0.005),
    (minimax(), GENERATOR_FIRST, 2, 5000, 1.38, 0.005),
    (non_saturating(), simultaneous, 1, 500, 0.52, 0.005),
    (non_saturating(), simultaneous, 1, 5000, 0.44, 0.005),
    (non_saturating(), GENERATOR_FIRST, 2, 500, 0.39, 0.005),
    (non_saturating(), GENERATOR_FIRST, 2, 5000, 0.125, 0.0005),
    (wasserstein(), simultaneous, 1, 500, 17, 0.5),
    (wasserstein(), simultaneous, 1, 5000, 9e10, 0.5e10),
    (chain(minimax(), r1(0.3)), simultaneous, 1, 500, 9e-4, 0.5e-4),
    (chain(minimax(), r1(0.3)), simultaneous, 1, 5000, 7e-31, 0.5e-31),
    (chain(minimax(), r1(1.0)), simultaneous, 1, 500, 2e-10, 0.5e-10),
    (chain(minimax(), r1(1.0)), simultaneous, 1, 5000, 1e-109, 0.5e-109),
    (minimax(), partial(consensus, weight=1.0), 1, 500, 1.4e-5, 0.05e-5),
    (minimax(), partial(consensus, weight=1.0), 1, 1000, 9e-11, 0.5e-11),
]


@pytest.mark.parametrize(
    ("loss", "dynamics", "substeps", "steps", "measured", "half_a_digit"),
    [
        course if course[3] == 500 else pytest.param(*course, marks=pytest.mark.slow)
        for course in COURSES
    ],
)
def test_dirac_gan_goes_where_it_was_measured_to_go(
    loss, dynamics, substeps, steps, measured, half_a_digit
):
    # The paper's discriminator is large for fakes, so its start (1, 1) is (1, -1) here.
    game = dirac_gan(loss, (1.0, -1.0))
    algorithm, state, batches = played(dynamics, 0.1, game, substeps=substeps, warm=0)
    run = jax.jit(
        lambda state: jax.lax.fori_loop(
            0, steps, lambda i, state: algorithm.step(state, batches)[0], state
        )
    )
    state = run(state)
    at = [float(state.variables[player].params[0]) for player in game.players]
    assert np.hypot(*at) == pytest.approx(measured, abs=half_a_digit, rel=0)
