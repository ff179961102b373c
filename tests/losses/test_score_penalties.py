import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.penalties import drift_penalty, lecam
from tests.builders import play, random, round_of


def test_drift_is_the_mean_square_of_the_reals_logits():
    # Karras et al. 2017, appendix A.1.
    paid = play(drift_penalty(0.5), round_of(jnp.array([1.0, -3.0]), jnp.array([7.0])))
    assert paid == {"discriminator": {"drift_penalty": 0.5 * 5.0}}


def test_drift_is_weighed():
    record = round_of(jnp.array([1.0, -3.0]), 0.0, weight=jnp.array([2.0, 0.0]))
    assert play(drift_penalty(1.0), record)["discriminator"]["drift_penalty"] == 1.0


def test_lecam_is_its_formula_step_by_step():
    # Tseng et al. 2021, in float64, with averages corrected as Adam's.
    loss, decay = lecam(0.3, decay=0.9), 0.9
    state, real_average, fake_average = loss.init({}), 0.0, 0.0
    for step in range(1, 5):
        real, fake = random(2 * step, 6, scale=2), random(2 * step + 1, 5, scale=2)
        r, f = np.asarray(real, "f8"), np.asarray(fake, "f8")
        real_average = decay * real_average + (1 - decay) * r.mean()
        fake_average = decay * fake_average + (1 - decay) * f.mean()
        whole = 1 - decay**step
        expected = ((r - fake_average / whole) ** 2).mean()
        expected += ((f - real_average / whole) ** 2).mean()
        paid, state = loss.evaluate(round_of(real, fake), state, jax.random.key(0))
        assert float(paid["discriminator"]["lecam"]) == pytest.approx(
            0.3 * expected, rel=1e-5
        )
        assert list(paid) == ["discriminator"]


def test_the_averages_of_lecam_count_as_constants():
    real, fake = random(0, 4), random(1, 4)
    slopes = jax.grad(
        lambda *logits: play(lecam(1.0), round_of(*logits))["discriminator"]["lecam"],
        (0, 1),
    )(real, fake)
    np.testing.assert_allclose(slopes[0], 2 * (real - fake.mean()) / 4, rtol=1e-5)
    np.testing.assert_allclose(slopes[1], 2 * (fake - real.mean()) / 4, rtol=1e-5)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_wrong_weights_are_refused(wrong):
    for make in (drift_penalty, lecam):
        with pytest.raises(InputError, match=f"{make.__name__}: weight must be"):
            make(wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.0, float("nan")])
def test_wrong_decays_are_refused(wrong):
    with pytest.raises(InputError, match=r"lecam: decay must be in \[0, 1\), got"):
        lecam(decay=wrong)
