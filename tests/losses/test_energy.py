import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.losses import boundary_equilibrium, energy_based
from tests.builders import play, random, round_of

REAL_ENERGY, FAKE_ENERGY = jnp.array([1.0, 3.0]), jnp.array([2.0, 4.0, 12.0])


def judged(**fields):
    """Create a round with these energies, which are minus the logits."""
    return round_of(-REAL_ENERGY, -FAKE_ENERGY, **fields)


def test_fakes_beyond_the_margin_cost_nothing():
    # Zhao et al. 2016, equations 1 and 2, with m = 10: 2 + (8 + 6 + 0) / 3 and 6.
    paid = play(energy_based(10.0), judged())
    assert float(paid["discriminator"]["energy_based"]) == pytest.approx(2 + 14 / 3)
    assert float(paid["generator"]["energy_based"]) == pytest.approx(6.0)


def test_beyond_the_margin_the_discriminator_has_no_slope():
    slope = jax.grad(
        lambda e: play(energy_based(10.0), round_of(-REAL_ENERGY, -e))["discriminator"][
            "energy_based"
        ]
    )(FAKE_ENERGY)
    np.testing.assert_allclose(slope, [-1 / 3, -1 / 3, 0])


def test_began_keeps_its_balance():
    # Berthelot et al. 2017, by hand: γ = 0.5, λ = 0.1, from k = 0.
    loss = boundary_equilibrium(diversity=0.5, gain=0.1)
    state = loss.init({})
    assert float(state["boundary_equilibrium"]) == 0
    energies = [([4.0, 8.0], [2.0]), ([6.0, 6.0], [1.0]), ([2.0, 2.0], [5.0])]
    expected = [  # paid by the discriminator, by the generator, and the next k
        (6.0, 2.0, 0.1 * (3 - 2)),
        (6.0 - 0.1 * 1.0, 1.0, 0.1 + 0.1 * (3 - 1)),
        (2.0 - 0.3 * 5.0, 5.0, 0.0),  # 0.3 + 0.1·(1 - 5) < 0 is clipped
    ]
    for (real, fake), (discriminator, generator, k) in zip(
        energies, expected, strict=True
    ):
        record = round_of(-jnp.array(real), -jnp.array(fake))
        paid, state = loss.evaluate(record, state, jax.random.key(0))
        assert float(paid["discriminator"]["boundary_equilibrium"]) == pytest.approx(
            discriminator
        )
        assert float(paid["generator"]["boundary_equilibrium"]) == generator
        assert float(state["boundary_equilibrium"]) == pytest.approx(k, abs=1e-7)


def test_k_never_exceeds_one_and_has_no_gradient():
    loss = boundary_equilibrium(gain=1.0)
    record = round_of(-jnp.array([100.0]), -jnp.array([1.0]))
    _, state = loss.evaluate(record, loss.init({}), jax.random.key(0))
    assert float(state["boundary_equilibrium"]) == 1.0

    def k(logits):
        _, after = boundary_equilibrium().evaluate(
            round_of(logits, logits),
            {"boundary_equilibrium": jnp.float32(0.5)},
            jax.random.key(0),
        )
        return after["boundary_equilibrium"]

    np.testing.assert_array_equal(jax.grad(k)(random(0, 4)), 0.0)


def test_energies_are_weighed():
    paid = play(
        energy_based(0.0),
        judged(weight=jnp.array([2.0, 0]), fake_weight=jnp.array([0.0, 3, 0])),
    )
    assert float(paid["discriminator"]["energy_based"]) == pytest.approx(1.0)
    assert float(paid["generator"]["energy_based"]) == pytest.approx(4.0)


@pytest.mark.parametrize("wrong", [-1.0, float("nan")])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(InputError, match="energy_based: margin must be"):
        energy_based(wrong)
    with pytest.raises(InputError, match="boundary_equilibrium: gain must be"):
        boundary_equilibrium(gain=wrong)
    with pytest.raises(InputError, match="boundary_equilibrium: diversity must be"):
        boundary_equilibrium(diversity=wrong)
    with pytest.raises(InputError, match=r"diversity must be from 0 to 1, got 1\.5"):
        boundary_equilibrium(diversity=1.5)
