"""Displacement errors of predicted trajectories in meters: best-of-k ADE and FDE.

The average displacement error (ADE) is the mean distance from the truth over the
predicted steps. The final displacement error (FDE) is the distance at the last step. Of
k sampled futures the best counts. There are two ways to choose it, whose numbers are
not comparable:

- jointly: one sample for all pedestrians of a scene, as in Social GAN's code. The
  errors of all pedestrians in the window are summed, then the minimum of the k sums is
  taken.
- by pedestrian: the best of k for each pedestrian, as in most papers since. This error
  is never above the joint one.

In both, ADE and FDE may come from different samples.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import NDArray

from jaxgan.errors import InputError, as_numbers, check_positive_int
from jaxgan.metrics.estimate import Estimate


class Displacement(NamedTuple):
    """Best-of-k errors in meters, each averaged over all pedestrians."""

    joint_ade: Estimate
    joint_fde: Estimate
    pedestrian_ade: Estimate
    pedestrian_fde: Estimate


def displacement(
    truth: Float[np.ndarray, "p t 2"],
    samples: Float[np.ndarray, "k p t 2"],
    scenes: Integer[np.ndarray, " p"],
    block: int = 20,
) -> Displacement:
    """Compute the displacement errors of k sampled futures of p pedestrians.

        ADE = 1/p Σ over scenes of min over k of Σ over its pedestrians i of mean_t d
        FDE = 1/p Σ over scenes of min over k of Σ over its pedestrians i of d at t = T
        d = ‖truthᵢₜ - samplesₖᵢₜ‖,  and by pedestrian: 1/p Σᵢ min over k

    Pedestrians of the same scene are not independent. Neither are overlapping windows:
    with a window at every step, consecutive windows share all but one of their frames.
    So the standard error is computed over blocks of consecutive scenes (as a ratio:
    summed errors to pedestrians), and is NaN for fewer than two blocks. Blocks should
    be longer than the overlap. Blocks as long as the overlap, as by default for windows
    of 8 + 12 steps, give about 0.8 of the true error.

    Args:
        truth: true future positions, in meters.
        samples: k predictions for each pedestrian.
        scenes: window of each pedestrian, in order of time.
        block: number of consecutive scenes in a block, for the error.

    Raises:
        InputError: if the shapes do not match, there are no pedestrians, a position is
            not finite, or `block` is not an integer of at least 1.

    Reference: Gupta et al. 2018, arXiv:1803.10892 (joint, best of 20).

        >>> import numpy as np
        >>> from jaxgan.metrics import displacement
        >>> truth = np.zeros((2, 12, 2))
        >>> samples = np.stack([truth, truth])
        >>> samples[0, 0] += [3.0, 4.0]  # sample 0 is wrong about the first walker,
        >>> samples[1, 1] += [0.0, 1.0]  # sample 1 about the second
        >>> found = displacement(truth, samples, scenes=np.array([0, 0]))
        >>> found.joint_ade.value, found.pedestrian_ade.value
        (0.5, 0.0)
    """
    truth, samples = as_numbers("truth", truth), as_numbers("samples", samples)
    scenes = as_numbers("scenes", scenes)
    _check(truth, samples, scenes)
    check_positive_int("block", block)
    distances = np.linalg.norm(samples.astype(np.float64) - truth, axis=-1)
    average, final = distances.mean(axis=-1), distances[..., -1]
    windows, window = np.unique(scenes, return_inverse=True)
    blocks = np.arange(len(windows)) // block
    walkers = np.bincount(blocks[window])

    def joint(errors: NDArray) -> Estimate:
        sums = [np.bincount(window, sample) for sample in errors]
        return _ratio(np.bincount(blocks, np.min(sums, axis=0)), walkers)

    def by_pedestrian(errors: NDArray) -> Estimate:
        return _ratio(np.bincount(blocks[window], errors.min(axis=0)), walkers)

    return Displacement(
        joint_ade=joint(average),
        joint_fde=joint(final),
        pedestrian_ade=by_pedestrian(average),
        pedestrian_fde=by_pedestrian(final),
    )


def _ratio(sums: NDArray, counts: NDArray) -> Estimate:
    """Compute Σ sums / Σ counts, with the error of a ratio over independent blocks."""
    value, blocks = sums.sum() / counts.sum(), len(sums)
    if blocks < 2:
        return Estimate(float(value))
    deviations = np.square(sums - value * counts).sum() * blocks / (blocks - 1)
    return Estimate(float(value), float(np.sqrt(deviations) / counts.sum()))


def _check(truth: NDArray, samples: NDArray, scenes: NDArray) -> None:
    if truth.ndim != 3 or truth.shape[-1] != 2 or not truth.size:
        raise InputError(
            "truth must be positions (p, t, 2) of at least one pedestrian, got "
            f"{truth.shape}."
        )
    if samples.shape[1:] != truth.shape or samples.ndim != 4 or not len(samples):
        raise InputError(
            f"samples must be k ≥ 1 predictions (k, {truth.shape[0]}, "
            f"{truth.shape[1]}, 2) to match truth, got {samples.shape}."
        )
    if scenes.shape != truth.shape[:1] or scenes.dtype.kind not in "iu":
        raise InputError(
            f"scenes must be {len(truth)} integers, one for each pedestrian, got "
            f"{scenes.dtype} of shape {scenes.shape}."
        )
    for name, positions in (("truth", truth), ("samples", samples)):
        if not np.isfinite(positions).all():
            raise InputError(f"{name} must hold finite positions, in meters.")
