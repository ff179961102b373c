"""Pedestrians seen from above: the ETH and UCY recordings, cut into windows.

A recording is a text file of lines `frame pedestrian x y`, in meters, with 0.4 s from
one listed frame to the next (ETH: Pellegrini et al. 2009; UCY: Lerner et al. 2007).
Given everyone's first steps, a network is to predict the rest. What counts as an
example is the protocol of Social GAN (Gupta et al. 2018, arXiv:1803.10892), on which
most published numbers rest:

- The frames of a file are those it lists, in order, and a window is a run of them,
  whatever their numbers: where a recording pauses, a window spans the pause.
- A pedestrian belongs to a window who has a line in every one of its frames. Whoever
  comes late, leaves early or is missing in between is left out of that window alone.
- A window with fewer pedestrians than `at_least` is dropped.
- No window joins two files; the same number in two files is two people.
- Coordinates are rounded to 4 decimals.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from jaxgan.errors import InputError, check_positive_int
from jaxgan.types import Batch


class Scenes(NamedTuple):
    """Every pedestrian of every window; the same person is there once a window."""

    positions: NDArray[np.float32]  # (n, observed + predicted, 2), meters
    window: NDArray[np.int64]  # (n,), which window: 0, 1, …, ascending
    observed: int  # the first steps, which are given; the rest is to be predicted


def trajectories(
    path: Path | str,
    observed: int = 8,
    predicted: int = 12,
    at_least: int = 2,
    stride: int = 1,
) -> Scenes:
    """The windows of a recording in time order, each with its pedestrians by number.

    Of several lines for one pedestrian in one frame the last counts; blank lines are
    skipped. `at_least=2` is Social GAN's `min_ped=1`, which it compares with `>`.

    Args:
        path: a file, or a folder whose .txt files are all read, in sorted order.
        observed: how many steps of 0.4 s are given.
        predicted: how many follow, to be predicted.
        at_least: how many pedestrians a window needs.
        stride: a window starts at every `stride`-th listed frame of each file.

    Raises:
        InputError: if a count is not an integer of at least 1, the path does not exist
            or is a folder without .txt files, a line is not four finite numbers, or no
            window is left.

    Reference: Gupta et al. 2018, arXiv:1803.10892.

        >>> import tempfile
        >>> import numpy as np
        >>> from jaxgan.data.readers.trajectories import pedestrians, trajectories
        >>> rows = [(10 * t, who, 0.5 * t, who) for t in range(21) for who in (1, 2)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savetxt(f"{folder}/street.txt", rows)
        ...     scenes = trajectories(folder)
        >>> scenes.window.tolist(), pedestrians(scenes).real.shape
        ([0, 0, 1, 1], (4, 12, 2))
    """
    check_positive_int("trajectories: observed", observed)
    check_positive_int("trajectories: predicted", predicted)
    check_positive_int("trajectories: at_least", at_least)
    check_positive_int("trajectories: stride", stride)
    length = observed + predicted
    tables = [_table(file) for file in _files(Path(path))]
    found = [_walks(table, length, at_least, stride) for table in tables]
    positions, sizes = map(np.concatenate, zip(*found, strict=True))
    if not len(sizes):
        most = max(len(np.unique(table[:, 0])) for table in tables)
        raise InputError(
            f"trajectories: path {path} must hold {length} consecutive frames "
            f"(observed + predicted) with at_least = {at_least} pedestrians in all of "
            f"them, but holds none; its longest file lists {most} frames."
        )
    return Scenes(positions, np.repeat(np.arange(len(sizes)), sizes), observed)


def pedestrians(scenes: Scenes) -> Batch:
    """One example a pedestrian, whose neighbors are not seen.

    `real` is the future (n, predicted, 2) and `condition` the past (n, observed, 2),
    absolute positions in meters.
    """
    past, future = np.split(scenes.positions, [scenes.observed], axis=1)
    return Batch(future, (past,))


def crowds(scenes: Scenes) -> Batch:
    """One example a window: its pedestrians, then zeros up to the fullest window.

    With w windows, of at most p pedestrians, `real` is the future (w, p, predicted, 2)
    and `condition` the past (w, p, observed, 2), absolute positions in meters, and
    a bool (w, p), true where there is a pedestrian.

    Raises:
        InputError: if `scenes.window` does not ascend.

        >>> import numpy as np
        >>> from jaxgan.data.readers.trajectories import Scenes, crowds
        >>> walks = np.zeros((3, 20, 2), np.float32)
        >>> past, present = crowds(Scenes(walks, np.array([0, 0, 1]), 8)).condition
        >>> present.tolist()
        [[True, True], [True, False]]
    """
    if (np.diff(scenes.window) < 0).any():
        raise InputError(
            "crowds: scenes.window must ascend, but falls; where scenes are joined, "
            "number the windows of the later ones on."
        )
    sizes = np.unique(scenes.window, return_counts=True)[1]
    present = np.arange(sizes.max()) < sizes[:, None]
    padded = np.zeros(present.shape + scenes.positions.shape[1:], np.float32)
    padded[present] = scenes.positions
    past, future = np.split(padded, [scenes.observed], axis=2)
    return Batch(future, (past, present))


def displacements(
    positions: Float[np.ndarray | Array, "*scene time 2"],
) -> Float[np.ndarray | Array, "*scene time 2"]:
    """What each step adds, meters: d₀ = 0 and d_t = x_t - x_{t-1}.

    Social GAN's networks read and write these, which do not depend on where a scene
    has its origin.
    """
    before = np.maximum(np.arange(positions.shape[-2]) - 1, 0)
    return positions - positions[..., before, :]


def from_displacements(
    displacements: Float[np.ndarray | Array, "*scene time 2"],
    start: Float[np.ndarray | Array, "*scene 2"],
) -> Float[np.ndarray | Array, "*scene time 2"]:
    """Positions from where someone stood before the first step: start + d₀ + … + d_t.

    For a past, whose d₀ is 0, `start` is its first position; for a future, whose d₀
    is its first step, the last position observed.

        >>> import numpy as np
        >>> from jaxgan.data.readers.trajectories import (
        ...     displacements,
        ...     from_displacements,
        ... )
        >>> walk = np.array([[1.0, 5.0], [1.5, 5.0], [2.5, 4.0]])
        >>> from_displacements(displacements(walk), walk[0]).tolist()
        [[1.0, 5.0], [1.5, 5.0], [2.5, 4.0]]
    """
    return start[..., None, :] + displacements.cumsum(axis=-2)


def _walks(
    table: NDArray[np.float64], length: int, at_least: int, stride: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The positions (n, length, 2) in one file and the sizes (w,) of its windows.

    Person p in frame f is at place p·(frames + 1) + f. So sorted places that rise by
    one at every step are a walk without a gap, and never of two people.
    """
    table = table[::-1]  # of equal places np.unique takes the first: the last line
    frames, frame = np.unique(table[:, 0], return_inverse=True)
    person = np.unique(table[:, 1], return_inverse=True)[1]
    apart = len(frames) + 1
    place, line = np.unique(person * apart + frame, return_index=True)
    first = np.arange(len(place) - length + 1)
    first = first[place[first + length - 1] - place[first] == length - 1]
    start = place[first] % apart
    sizes = np.bincount(start)
    sizes[(sizes < at_least) | (np.arange(len(sizes)) % stride > 0)] = 0
    chosen = first[sizes[start] > 0]
    # By window, and still by person within it.
    chosen = chosen[np.argsort(place[chosen] % apart, kind="stable")]
    positions = table[line[chosen[:, None] + np.arange(length)], 2:]
    return np.round(positions, 4).astype(np.float32), sizes[sizes > 0]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("*.txt") if file.is_file())
    if not files:
        wrong = "is a folder without .txt files" if path.is_dir() else "does not exist"
        raise InputError(
            f"trajectories: path {path} {wrong}; it must be a text file, or the folder "
            "in which .txt files lie, such as eth/test."
        )
    return files


def _table(file: Path) -> NDArray[np.float64]:
    """The lines of a file that are not blank, (lines, 4): frame, pedestrian, x, y."""
    numbers: list[float] = []
    text = file.read_text(encoding="utf-8", errors="replace")
    for place, line in enumerate(text.split("\n"), start=1):
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = [np.nan]
        # From 2⁵³ on, float64 no longer tells whole numbers apart.
        if len(row) not in (0, 4) or not all(abs(number) < 2**53 for number in row):
            raise InputError(
                f"trajectories: path: {file}, line {place} must be four finite numbers "
                f"below 2⁵³, frame pedestrian x y, got {line.strip()[:60]!r}."
            )
        numbers += row
    return np.array(numbers).reshape(-1, 4)
