"""Who lies in whose ball, which is all that four metrics ask of two sets.

A ball of a set reaches from one of its points to the k-th nearest of the others. Which
fakes lie in the balls of reals makes precision and density, which reals in those of
fakes recall, and which balls of reals hold a fake coverage; so all of them, for several
k, are read from one `Overlap` each, and the distances are computed once:

    near, wide = overlaps(real, fake, (3, 5))
    precision_recall_of(near), density_coverage_of(wide)

Where rounding leaves open on which side of an edge a point lies, the two are compared
again by their difference. So a fake that is the copy of a real is exactly as far from
the others as that real is.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real
from scipy.linalg import hadamard

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.checks import checked_pair
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.nearest.search import (
    ALL,
    ROUNDING,
    Sides,
    apart,
    radii_within,
    squared_norms,
    squares,
    together,
)

LEAST = 4
"""Examples that a half must have for each of the k neighbors."""

HALVES = hadamard(8)
"""All examples, and seven ways to halve them by eighths, none like another."""


class Overlap(NamedTuple):
    """Who lies in whose ball.

    k:            of the balls.
    fakes_held:   in how many balls of reals each fake lies, their edges included.
    fakes_inside: the same without the edges.
    reals_held:   whether each real lies in a ball of a fake, its edge included.
    reals_met:    whether a fake lies inside each real's own ball, not on its edge.
    halves:       the same for both halves of both sets, divided in several ways; none
                  if they are too small.
    """

    k: int
    fakes_held: Int[np.ndarray, " m"]
    fakes_inside: Int[np.ndarray, " m"]
    reals_held: Bool[np.ndarray, " n"]
    reals_met: Bool[np.ndarray, " n"]
    halves: tuple[tuple["Overlap", "Overlap"], ...] = ()


class _Balls(NamedTuple):
    """Radii in each division and for each k, and what rounding leaves of their squares.

    A square below `inside` is surely below that of the radius, one above `outside`
    surely above.
    """

    radii: Float[np.ndarray, "q r n"]
    inside: Float[np.ndarray, "q r n"]
    outside: Float[np.ndarray, "q r n"]

    def of(self, divisions: Int[np.ndarray, " h"], rows: slice) -> "_Balls":
        return _Balls(*(each[divisions, :, rows] for each in self))


class _Found(NamedTuple):
    """The fields of an `Overlap` in each division and for each k, as they are found."""

    fakes_held: Int[np.ndarray, "q r m"]
    fakes_inside: Int[np.ndarray, "q r m"]
    reals_held: Bool[np.ndarray, "q r n"]
    reals_met: Bool[np.ndarray, "q r n"]


def overlaps(
    real: Real[np.ndarray, "n d"], fake: Real[np.ndarray, "m d"], ks: tuple[int, ...]
) -> tuple[Overlap, ...]:
    """An `Overlap` for each k, of which all but the greatest cost next to nothing.

    Args:
        real, fake: features, any numbers; computed in float64.
        ks: one or several.

    Raises:
        InputError: if `checked_pair` refuses the features, a set has no more examples
            than the greatest k, or a k is not an integer of at least 1.

        >>> import numpy as np
        >>> from jaxgan.metrics.nearest.manifold import overlaps
        >>> real, fake = np.array([[0.0], [3.0], [7.0]]), np.array([[4.0], [20.0]])
        >>> overlaps(real, fake, (1,))[0].fakes_held
        array([2, 0])
    """
    if not ks:
        raise InputError("ks must be at least one number of neighbors.")
    for k in ks:
        check_positive_int("k", k)
    real, fake = checked_pair(real, fake, least=max(ks) + 1)
    enough = min(len(real), len(fake)) >= 2 * LEAST * max(ks)
    sides = HALVES if enough else ALL
    found = _overlaps(real, fake, ks, sides)

    def overlap(q: int, r: int) -> Overlap:
        return Overlap(ks[r], *(field[q, r] for field in found))

    return tuple(
        overlap(0, r)._replace(
            halves=tuple(_halved(overlap(q, r), sides[q]) for q in range(1, len(sides)))
        )
        for r in range(len(ks))
    )


def estimate(overlap: Overlap, share: Callable[[Overlap], float]) -> Estimate:
    """A number that an overlap gives, and its standard error.

        error² = mean over seven divisions of (share(one half) - share(the other))² / 4

    Both sets are halved, so that the halves are independent samples; the divisions are
    those of a Hadamard matrix of order 8, each orthogonal to the others.

    A binomial error leaves out that other samples have other balls. Between normal
    samples of 400 to 1,000 in 2 to 64 dimensions, which were equal, far apart or much
    narrower, this one was 0.6 to 1.3 of the true error, mostly 0.7 to 1.1. Of seven
    squares, it is itself uncertain by a quarter; where no fake meets a real it is 0.

    For fewer than 8 k examples in a set, k the largest asked for, the error is NaN. The
    order of the examples must not repeat itself: they are halved by their eighths.

    Args:
        overlap: of the two sets.
        share: the number.

    Reference: McCarthy 1969, "Pseudo-replication: half samples".
    """
    each = [share(one) - share(other) for one, other in overlap.halves]
    error = np.sqrt(np.mean(np.square(each))) / 2 if each else np.nan
    return Estimate(float(share(overlap)), float(error))


def _halved(
    overlap: Overlap, side: Int[np.ndarray, " parts"]
) -> tuple[Overlap, Overlap]:
    """What was found in one division, by halves."""
    k, *fields = overlap[:-1]

    def on(sign: int) -> Overlap:
        rows = (side[np.arange(len(field)) % len(side)] == sign for field in fields)
        return Overlap(k, *(x[own] for x, own in zip(fields, rows, strict=True)))

    return on(1), on(-1)


def _overlaps(
    real: Float[np.ndarray, "n d"],
    fake: Float[np.ndarray, "m d"],
    ks: tuple[int, ...],
    sides: Sides,
) -> _Found:
    """Who lies in whose ball, of those on one side."""
    center = real.mean(axis=0)
    with ThreadPoolExecutor(2) as pool:  # what one does on one core fills the other's
        balls, fake_balls = pool.map(
            lambda x: _balls(x, center, ks, sides), (real, fake)
        )
    of_reals, of_fakes = balls.radii.shape, fake_balls.radii.shape
    found = _Found(
        *(np.zeros(of_fakes, int), np.zeros(of_fakes, int)),
        *(np.zeros(of_reals, bool), np.zeros(of_reals, bool)),
    )
    with jax.enable_x64(True):
        for reals, fakes, square in squares(real, fake, center, sides.shape[1]):
            here = together(sides, reals, fakes)
            a, b = balls.of(here, reals), fake_balls.of(here, fakes)
            met = _met(real[reals], fake[fakes], square, a, b)
            found.fakes_held[here, :, fakes] += met.fakes_held
            found.fakes_inside[here, :, fakes] += met.fakes_inside
            found.reals_held[here, :, reals] |= met.reals_held
            found.reals_met[here, :, reals] |= met.reals_met
    return found


def _met(
    real: Float[np.ndarray, "b d"],
    fake: Float[np.ndarray, "c d"],
    square: Float[Array, "b c"],
    balls: _Balls,
    fake_balls: _Balls,
) -> _Found:
    """What one block of pairs adds.

    Few pairs are near enough to matter, and only these are looked at.
    """
    reach, fake_reach = (side.outside.max(axis=(0, 1)) for side in (balls, fake_balls))
    pairs = np.flatnonzero(np.asarray(_near(square, reach, fake_reach)))
    near = np.asarray(square).ravel()[pairs]
    i, j = np.divmod(pairs, len(fake))
    shape = balls.radii.shape[:2]
    cells = [*np.ndindex(shape)]
    unsure = np.zeros(len(near), bool)
    for cell in cells:
        for side, of in ((balls, i), (fake_balls, j)):
            unsure |= (near >= side.inside[cell][of]) & (near <= side.outside[cell][of])
    distance = np.sqrt(np.maximum(near, 0))
    distance[unsure] = apart(real, fake, i[unsure], j[unsure])
    held, inside = np.zeros((2, *shape, len(fake)), int)
    caught, met = np.zeros((2, *shape, len(real)), bool)
    for cell in cells:
        radius = balls.radii[cell][i]
        held[cell] = np.bincount(j[distance <= radius], minlength=len(fake))
        within = distance < radius
        inside[cell] = np.bincount(j[within], minlength=len(fake))
        met[cell][i[within]] = True
        caught[cell][i[distance <= fake_balls.radii[cell][j]]] = True
    return _Found(held, inside, caught, met)


@jax.jit
def _near(
    square: Float[Array, "b c"],
    reach: Float[Array, " b"],
    fake_reach: Float[Array, " c"],
) -> Bool[Array, "b c"]:
    return (square <= reach[:, None]) | (square <= fake_reach[None])


def _balls(
    x: Float[np.ndarray, "n d"],
    center: Float[np.ndarray, " d"],
    ks: tuple[int, ...],
    sides: Sides,
) -> _Balls:
    """The balls of all points, among those on their side."""
    reach = radii_within(x, ks, sides)
    edge = np.square(reach)
    lost = 3 * ROUNDING * (squared_norms(x, center) + edge)
    return _Balls(reach, edge - lost, edge + lost)
