"""Reader of the ETH and UCY pedestrian trajectories, cut into sliding windows.

A recording is a text file of lines `frame pedestrian x y`, in meters, with 0.4 s from
one listed frame to the next (ETH: Pellegrini et al. 2009; UCY: Lerner et al. 2007).
Given the first steps of all pedestrians, a network predicts the rest. Windows follow
the protocol of Social GAN (Gupta et al. 2018, arXiv:1803.10892), on which most
published numbers rest:

- A window is a run of consecutive frames listed in the file, in order. The frame
  numbers do not matter: if a recording pauses, a window spans the pause.
- A pedestrian belongs to a window if the file has a line for them in each of its
  frames. Pedestrians who enter late, leave early or are missing in between are left out
  of that window only.
- A window with fewer than `at_least` pedestrians is dropped.
- No window spans two files. The same number in two files stands for two people.
- Coordinates are rounded to 4 decimals.
"""

import dataclasses
from pathlib import Path

import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from jaxgan.errors import (
    InputError,
    as_finite,
    as_path,
    check_instance,
    check_positive_int,
)
from jaxgan.types import Batch


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """Trajectories of all pedestrians in all windows, one row per person and window."""

    positions: NDArray[np.float32]  # (n, observed + predicted, 2), meters
    window: NDArray[np.int64]  # (n,), index of the window: 0, 1, …, ascending
    observed: int  # number of observed steps; the rest is to be predicted

    def __post_init__(self) -> None:
        positions = as_finite("positions", self.positions, 3)
        window = as_finite("window", self.window, 1)
        if positions.shape[2] != 2 or len(window) != len(positions):
            raise InputError(
                "positions must be of shape (n, time, 2) and window of shape (n,), got "
                f"{positions.shape} and {window.shape}."
            )
        check_positive_int("observed", self.observed, positions.shape[1] - 1)


def trajectories(
    path: Path | str,
    observed: int = 8,
    predicted: int = 12,
    at_least: int = 2,
    stride: int = 1,
) -> Scenes:
    """Read all windows of a recording, sorted by time and then by pedestrian number.

    If a frame has several lines for one pedestrian, the last one counts. Blank lines
    are skipped. `at_least=2` is `min_ped=1` of Social GAN, which compares with `>`.

    Args:
        path: a file, or a folder whose .txt files are all read, in sorted order.
        observed: number of observed steps of 0.4 s.
        predicted: number of steps to predict, which follow them.
        at_least: minimum number of pedestrians in a window.
        stride: a window starts at every `stride`-th listed frame of each file.

    Raises:
        InputError: if a count is not an integer of at least 1, the path does not exist
            or is a folder without .txt files, a line is not four finite numbers, or no
            window is left.

    Reference: Gupta et al. 2018, arXiv:1803.10892.

        >>> import tempfile
        >>> import numpy as np
        >>> from jaxgan.data import pedestrians, trajectories
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
    path = as_path("trajectories: path", path)
    length = observed + predicted
    tables = [_read_table(file) for file in _find_files(path)]
    found = [_windows(table, length, at_least, stride) for table in tables]
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
    """Make one example for each pedestrian, without the neighbors.

    `real` is the future (n, predicted, 2) and `condition` the past (n, observed, 2),
    absolute positions in meters.
    """
    check_instance("scenes", scenes, Scenes, "trajectories(path)")
    past, future = np.split(scenes.positions, [scenes.observed], axis=1)
    return Batch(future, (past,))


def crowds(scenes: Scenes) -> Batch:
    """Make one example for each window: its pedestrians, padded with zeros.

    With w windows of at most p pedestrians, `real` is the future (w, p, predicted, 2).
    `condition` is the past (w, p, observed, 2) and a bool mask (w, p), True where there
    is a pedestrian. Positions are absolute, in meters.

    Raises:
        InputError: if `scenes.window` does not ascend.

        >>> import numpy as np
        >>> from jaxgan.data import Scenes, crowds
        >>> walks = np.zeros((3, 20, 2), np.float32)
        >>> past, present = crowds(Scenes(walks, np.array([0, 0, 1]), 8)).condition
        >>> present.tolist()
        [[True, True], [True, False]]
    """
    check_instance("scenes", scenes, Scenes, "trajectories(path)")
    if (np.diff(scenes.window) < 0).any():
        raise InputError(
            "crowds: scenes.window must ascend, but falls; if you join scenes, number "
            "the later windows onwards."
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
    """Compute the displacements between steps, in meters: d₀ = 0, d_t = x_t - x_{t-1}.

    They are the inputs and outputs of Social GAN's networks, and do not depend on the
    origin of a scene.
    """
    _check_axes("positions", positions)
    before = np.maximum(np.arange(positions.shape[-2]) - 1, 0)
    return positions - positions[..., before, :]


def from_displacements(
    displacements: Float[np.ndarray | Array, "*scene time 2"],
    start: Float[np.ndarray | Array, "*scene 2"],
) -> Float[np.ndarray | Array, "*scene time 2"]:
    """Compute positions from displacements: start + d₀ + … + d_t.

    For a past, d₀ is 0 and `start` is the first position. For a future, d₀ is the first
    step and `start` is the last observed position.

        >>> import numpy as np
        >>> from jaxgan.data import displacements, from_displacements
        >>> walk = np.array([[1.0, 5.0], [1.5, 5.0], [2.5, 4.0]])
        >>> from_displacements(displacements(walk), walk[0]).tolist()
        [[1.0, 5.0], [1.5, 5.0], [2.5, 4.0]]
    """
    _check_axes("displacements", displacements)
    wanted = (*displacements.shape[:-2], 2)
    if getattr(start, "shape", None) != wanted:
        raise InputError(
            f"start must be an array of shape {wanted}, one point for each path."
        )
    return start[..., None, :] + displacements.cumsum(axis=-2)


def _check_axes(name: str, paths: object) -> None:
    """Check that an array of paths has the shape (…, time, 2).

    Raises:
        InputError: if it has not.
    """
    shape: tuple[int, ...] = getattr(paths, "shape", ())
    if len(shape) < 2 or shape[-1] != 2 or not shape[-2]:
        raise InputError(
            f"{name} must be an array of shape (…, time, 2), with at least one step."
        )


def _windows(
    table: NDArray[np.float64], length: int, at_least: int, stride: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cut one file into windows: positions (n, length, 2) and window sizes (w,).

    Person p in frame f has the key p·(frames + 1) + f. So sorted keys that increase by
    one at every step are a trajectory of one person without a gap.
    """
    table = table[::-1]  # np.unique keeps the first of equal keys: now the last line
    frames, frame = np.unique(table[:, 0], return_inverse=True)
    person = np.unique(table[:, 1], return_inverse=True)[1]
    period = len(frames) + 1
    key, line = np.unique(person * period + frame, return_index=True)
    first = np.arange(len(key) - length + 1)
    first = first[key[first + length - 1] - key[first] == length - 1]
    start = key[first] % period
    sizes = np.bincount(start)
    sizes[(sizes < at_least) | (np.arange(len(sizes)) % stride > 0)] = 0
    kept = first[sizes[start] > 0]
    # Sorted by window; a stable sort keeps the order of the persons within it.
    kept = kept[np.argsort(key[kept] % period, kind="stable")]
    positions = table[line[kept[:, None] + np.arange(length)], 2:]
    return np.round(positions, 4).astype(np.float32), sizes[sizes > 0]


def _find_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("*.txt") if file.is_file())
    if not files:
        wrong = "is a folder without .txt files" if path.is_dir() else "does not exist"
        raise InputError(
            f"trajectories: path {path} {wrong}; it must be a text file, or a folder "
            "with .txt files, such as eth/test."
        )
    return files


def _read_table(file: Path) -> NDArray[np.float64]:
    """Read the non-blank lines of a file, (lines, 4): frame, pedestrian, x, y."""
    numbers: list[float] = []
    text = file.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = [np.nan]
        # From 2⁵³ on, float64 cannot represent all integers.
        if len(row) not in (0, 4) or not all(abs(value) < 2**53 for value in row):
            raise InputError(
                f"trajectories: path: {file}, line {number} must be four finite "
                f"numbers below 2⁵³, frame pedestrian x y, got {line.strip()[:60]!r}."
            )
        numbers += row
    return np.array(numbers).reshape(-1, 4)
