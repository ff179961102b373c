import math

import numpy as np
import pytest

from jaxgan import InputError
from jaxgan.data.readers.trajectories import pedestrians, trajectories
from jaxgan.metrics.displacement import displacement
from tests.builders import unchecked


def crowd(seed, windows, k=5, steps=6):
    """Truth, samples and windows of one to four pedestrians each."""
    rng = np.random.default_rng(seed)
    scenes = np.repeat(np.arange(windows), rng.integers(1, 5, windows))
    truth = rng.normal(size=(len(scenes), steps, 2)).cumsum(axis=1)
    return truth, truth + rng.normal(size=(k, *truth.shape)), scenes


def spelt_out(truth, samples, scenes):
    """Social GAN's rule, joint and by pedestrian, one error at a time."""
    k, p, steps, _ = samples.shape
    sums = np.zeros(4)
    for scene in np.unique(scenes):
        people = np.flatnonzero(scenes == scene)
        apart = [
            [
                [math.dist(truth[i, t], samples[s, i, t]) for t in range(steps)]
                for i in people
            ]
            for s in range(k)
        ]
        sums[0] += min(sum(sum(walk) for walk in sample) for sample in apart)
        sums[1] += min(sum(walk[-1] for walk in sample) for sample in apart)
        for i in range(len(people)):
            sums[2] += min(sum(sample[i]) for sample in apart)
            sums[3] += min(sample[i][-1] for sample in apart)
    return sums / [p * steps, p, p * steps, p]


def test_errors_are_those_of_the_rules_spelt_out():
    truth, samples, scenes = crowd(0, 30)
    found = displacement(truth, samples, scenes)
    values = [estimate.value for estimate in found]
    np.testing.assert_allclose(values, spelt_out(truth, samples, scenes), rtol=1e-12)
    assert found._fields[:2] == ("joint_ade", "joint_fde")
    assert found.pedestrian_ade.value < found.joint_ade.value
    assert found.pedestrian_fde.value < found.joint_fde.value


def test_a_right_sample_is_found_and_steps_are_averaged():
    truth, samples, scenes = crowd(1, 4)
    samples[3] = truth
    assert [e.value for e in displacement(truth, samples, scenes)] == [0, 0, 0, 0]
    # Wrong by 5 m at the last of six steps alone.
    samples = truth[None].copy()
    samples[0, :, -1] += [3.0, -4.0]
    found = displacement(truth, samples, scenes)
    assert found.joint_ade.value == pytest.approx(5 / 6)
    assert found.joint_fde.value == pytest.approx(5)


def test_one_sample_leaves_no_choice():
    truth, samples, scenes = crowd(2, 50)
    found = displacement(truth, samples[:1], scenes)
    assert found.joint_ade.value == pytest.approx(found.pedestrian_ade.value, rel=1e-12)
    assert found.joint_ade.error == pytest.approx(found.pedestrian_ade.error, rel=1e-9)


def test_laws():
    truth, samples, scenes = crowd(3, 60)
    found = displacement(truth, samples, scenes)
    order = np.random.default_rng(0).permutation(len(truth))
    for again in (
        displacement(truth[order], samples[::-1, order], scenes[order]),
        displacement(truth + 7, samples + 7, scenes * 10 - 3),
        displacement(truth[..., ::-1], samples[..., ::-1], scenes),
    ):
        np.testing.assert_allclose(again, found, rtol=1e-9)
    more = displacement(truth, np.concatenate([samples, samples + 0.1]), scenes)
    assert all(a.value <= b.value for a, b in zip(more, found, strict=True))


def test_the_error_is_how_much_the_mean_varies():
    found = np.array([displacement(*crowd(seed, 60))[0] for seed in range(200)])
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error == pytest.approx(found[:, 0].std(ddof=1), rel=0.15)


def overlapping(seed, windows=300, overlap=20):
    """One pedestrian a window, whose error is a mean over the frames of the window."""
    frames = np.abs(np.random.default_rng(seed).normal(size=windows + overlap - 1))
    errors = np.convolve(frames, np.full(overlap, 1 / overlap), mode="valid")
    samples = np.zeros((1, windows, 1, 2))
    samples[0, :, 0, 0] = errors
    return np.zeros((windows, 1, 2)), samples, np.arange(windows)


@pytest.mark.parametrize(("block", "ratio"), [(1, 0.23), (20, 0.82), (50, 0.93)])
def test_windows_that_overlap_need_blocks(block, ratio):
    found = np.array(
        [displacement(*overlapping(seed), block=block)[0] for seed in range(200)]
    )
    error = math.sqrt(np.square(found[:, 1]).mean())
    assert error / found[:, 0].std(ddof=1) == pytest.approx(ratio, rel=0.15)


def test_one_block_has_no_error():
    assert math.isnan(displacement(*crowd(0, 20)).joint_ade.error)
    assert displacement(*crowd(0, 21)).joint_ade.error > 0


# Constant velocity under Social GAN's rules, observing 8 steps and predicting 12:
# ADE and FDE, computed once by a program independent of this one.
CONSTANT_VELOCITY = {
    "eth": (1.00, 2.23),
    "hotel": (0.32, 0.62),
    "univ": (0.52, 1.17),
    "zara1": (0.43, 0.96),
    "zara2": (0.33, 0.73),
}


@pytest.mark.realdata
@pytest.mark.parametrize("scene", CONSTANT_VELOCITY)
def test_walking_on_has_its_known_errors(real_data, scene):
    scenes = trajectories(real_data / "eth_ucy" / scene / "test")
    future, (past,), _ = pedestrians(scenes)
    step = past[:, -1:] - past[:, -2:-1]
    walked_on = past[:, -1:] + step * np.arange(1, 13, dtype=np.float32)[:, None]
    found = displacement(future, walked_on[None], scenes.window)
    ade, fde = CONSTANT_VELOCITY[scene]
    assert found.joint_ade.value == pytest.approx(ade, abs=0.0055)
    assert found.joint_fde.value == pytest.approx(fde, abs=0.0055)
    if scene == "eth":  # 181 pedestrians: by a bootstrap of blocks 0.26 and 0.71
        assert found.joint_ade.error == pytest.approx(0.26, rel=0.2)
        assert found.joint_fde.error == pytest.approx(0.71, rel=0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": np.zeros((3, 4))}, r"truth must be positions \(p, t, 2\)"),
        ({"truth": np.zeros((0, 4, 2))}, "of at least one pedestrian"),
        ({"samples": np.zeros((3, 4, 2))}, r"samples must be k ≥ 1 predictions"),
        ({"samples": np.zeros((0, 3, 4, 2))}, r"\(k, 3, 4, 2\) to match truth"),
        ({"samples": np.zeros((2, 3, 5, 2))}, r"got \(2, 3, 5, 2\)"),
        ({"samples": np.full((2, 3, 4, 2), np.nan)}, "samples must hold finite"),
        ({"scenes": np.zeros(4, int)}, "scenes must be 3 integers"),
        ({"scenes": np.zeros(3)}, "got float64 of shape"),
        ({"block": 0}, "block must be an integer of at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {
        "truth": np.zeros((3, 4, 2)),
        "samples": np.zeros((2, 3, 4, 2)),
        "scenes": np.zeros(3, int),
    }
    with unchecked(), pytest.raises(InputError, match=message):
        displacement(**(given | change))
