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

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.checks import checked_pair
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.neighbours import (
    ROUNDING,
    apart,
    in_one_part,
    radii_in_parts,
    squared_norms,
    squares,
)

PARTS = 8
"""Disjoint parts of both sets from which errors are estimated."""

LEAST = 4
"""Examples that a part must have for each of the k neighbours."""


class Overlap(NamedTuple):
    """Who lies in whose ball.

    k:            of the balls.
    fakes_held:   in how many balls of reals each fake lies, their edges included.
    fakes_inside: the same without the edges.
    reals_held:   whether each real lies in a ball of a fake, its edge included.
    reals_met:    whether a fake lies inside each real's own ball, not on its edge.
    parts:        the same for disjoint parts of both sets; none if they are too small.
    """

    k: int
    fakes_held: Int[np.ndarray, " m"]
    fakes_inside: Int[np.ndarray, " m"]
    reals_held: Bool[np.ndarray, " n"]
    reals_met: Bool[np.ndarray, " n"]
    parts: tuple["Overlap", ...] = ()


class _Balls(NamedTuple):
    """Radii for each k, and squares which are surely inside, and surely outside."""

    radii: Float[np.ndarray, "r n"]
    inside: Float[np.ndarray, "r n"]
    outside: Float[np.ndarray, "r n"]

    def of(self, rows: slice) -> "_Balls":
        return _Balls(*(each[:, rows] for each in self))


class _Found(NamedTuple):
    """The fields of an `Overlap` for each k, as they are found."""

    fakes_held: Int[np.ndarray, "r m"]
    fakes_inside: Int[np.ndarray, "r m"]
    reals_held: Bool[np.ndarray, "r n"]
    reals_met: Bool[np.ndarray, "r n"]


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
        >>> from jaxgan.metrics.balls import overlaps
        >>> real, fake = np.array([[0.0], [3.0], [7.0]]), np.array([[4.0], [20.0]])
        >>> overlaps(real, fake, (1,))[0].fakes_held
        array([2, 0])
    """
    if not ks:
        raise InputError("ks must be at least one number of neighbours.")
    for k in ks:
        check_positive_int("k", k)
    real, fake = checked_pair(real, fake, least=max(ks) + 1)
    most = min(len(real), len(fake)) // (PARTS * LEAST)
    if min(ks) > most:
        [whole] = _overlaps(real, fake, ks, 1)
        return whole
    whole, own = _overlaps(real, fake, ks, PARTS)
    return tuple(
        each._replace(parts=_apart(within)) if each.k <= most else each
        for each, within in zip(whole, own, strict=True)
    )


def estimate(overlap: Overlap, share: Callable[[Overlap], float]) -> Estimate:
    """A number that an overlap gives, and its standard error.

        error = s / √8,  s the standard deviation over 8 disjoint parts of both sets

    A binomial error leaves out that other samples have other balls: it was 0.5 to 0.95
    of the true one for samples of 500 and 1000 from Gaussians in 2 to 64 dimensions.
    This one was mostly 0.7 to 1.2 of it; worst were 0.4, for the coverage of much
    narrower fakes, and 2, for shares near 1. With 8 parts it is itself uncertain by a
    quarter, and it is 0 where they all agree, as at a share of 1.

    Each part is every 8th example, so the order of the examples must not repeat itself.
    For fewer than 32 k examples in a set the error is NaN.

    Args:
        overlap: of the two sets.
        share: the number.
    """
    each = [share(part) for part in overlap.parts]
    error = np.std(each, ddof=1) / np.sqrt(len(each)) if each else np.nan
    return Estimate(float(share(overlap)), float(error))


def _overlaps(
    real: Float[np.ndarray, "n d"],
    fake: Float[np.ndarray, "m d"],
    ks: tuple[int, ...],
    parts: int,
) -> list[tuple[Overlap, ...]]:
    """For each k: among all and, of several parts, among the examples of each part."""
    centre = real.mean(axis=0)
    with ThreadPoolExecutor(2) as pool:  # what one does on one core fills the other's
        balls, fake_balls = pool.map(
            lambda x: _balls(x, centre, ks, parts), (real, fake)
        )
    found = [_nobody(len(ks), len(real), len(fake)) for _ in balls]
    with jax.enable_x64(True):
        for reals, fakes, square in squares(real, fake, centre, parts):
            of_all = slice(None if in_one_part(reals, fakes) else 1)
            for own, a, b in zip(found[of_all], balls, fake_balls, strict=False):
                met = _met(real[reals], fake[fakes], square, a.of(reals), b.of(fakes))
                own.fakes_held[:, fakes] += met.fakes_held
                own.fakes_inside[:, fakes] += met.fakes_inside
                own.reals_held[:, reals] |= met.reals_held
                own.reals_met[:, reals] |= met.reals_met
    return [
        tuple(Overlap(*each) for each in zip(ks, *own, strict=True)) for own in found
    ]


def _nobody(r: int, n: int, m: int) -> _Found:
    counts, answers = np.zeros((2, r, m), int), np.zeros((2, r, n), bool)
    return _Found(*counts, *answers)


def _met(
    real: Float[np.ndarray, "b d"],
    fake: Float[np.ndarray, "c d"],
    square: Float[Array, "b c"],
    balls: _Balls,
    fake_balls: _Balls,
) -> _Found:
    """What one block of pairs adds; those on an edge are computed again."""
    counts = _meet(
        square, balls.inside, balls.outside, fake_balls.inside, fake_balls.outside
    )
    surely, perhaps, met, held, perhaps_held = map(np.array, counts)
    found = _Found(surely.copy(), surely, held, met)
    if (perhaps > surely).any():
        for k, i, j in _on_edges(square, balls.inside, balls.outside):
            distance, radius = apart(real, fake, i, j), balls.radii[k, i]
            np.add.at(found.fakes_held[k], j, distance <= radius)
            np.add.at(found.fakes_inside[k], j, distance < radius)
            found.reals_met[k, i[distance < radius]] = True
    if (perhaps_held > held).any():
        edges = _on_edges(square.T, fake_balls.inside, fake_balls.outside)
        for k, j, i in edges:
            distance, radius = apart(real, fake, i, j), fake_balls.radii[k, j]
            found.reals_held[k, i[distance <= radius]] = True
    return found


def _on_edges(
    square: Float[Array, "b c"],
    inside: Float[np.ndarray, "r b"],
    outside: Float[np.ndarray, "r b"],
) -> Iterator[tuple[int, Int[np.ndarray, " p"], Int[np.ndarray, " p"]]]:
    """For each k, the pairs of which rounding does not tell on which side they are."""
    values = np.asarray(square)
    for k, (low, high) in enumerate(zip(inside, outside, strict=True)):
        i, j = np.nonzero((values >= low[:, None]) & (values <= high[:, None]))
        yield k, i, j


def _apart(own: Overlap) -> tuple[Overlap, ...]:
    """An overlap within parts, a part at a time."""
    rows = (slice(part, None, PARTS) for part in range(PARTS))
    return tuple(
        Overlap(
            own.k,
            own.fakes_held[own_part],
            own.fakes_inside[own_part],
            own.reals_held[own_part],
            own.reals_met[own_part],
        )
        for own_part in rows
    )


def _balls(
    x: Float[np.ndarray, "n d"],
    centre: Float[np.ndarray, " d"],
    ks: tuple[int, ...],
    parts: int,
) -> list[_Balls]:
    """The balls of all points and, of several parts, those within each part."""
    norms = squared_norms(x, centre)
    balls = []
    for reach in radii_in_parts(x, ks, parts):
        edge, lost = np.square(reach), 3 * ROUNDING * (norms + np.square(reach))
        balls.append(_Balls(reach, edge - lost, edge + lost))
    return balls


@jax.jit
def _meet(
    square: Float[Array, "b c"],
    inside: Float[Array, "r b"],
    outside: Float[Array, "r b"],
    fake_inside: Float[Array, "r c"],
    fake_outside: Float[Array, "r c"],
) -> tuple[
    Int[Array, "r c"],
    Int[Array, "r c"],
    Bool[Array, "r b"],
    Bool[Array, "r b"],
    Bool[Array, "r b"],
]:
    """In how many balls each fake is surely, and perhaps; and whether each real is.

    Between the two are whether a fake is surely in a real's ball, and whether a real is
    surely in a fake's.
    """

    def count(of_each_fake: Bool[Array, "b c"]) -> Int[Array, " c"]:
        return of_each_fake.sum(axis=0, dtype=jnp.int32)

    # One k at a time, which XLA compiles to faster loops than all at once.
    return (
        jnp.stack([count(square < edge[:, None]) for edge in inside]),
        jnp.stack([count(square <= edge[:, None]) for edge in outside]),
        square.min(axis=1)[None] < inside,
        jnp.stack([(square < edge[None]).any(axis=1) for edge in fake_inside]),
        jnp.stack([(square <= edge[None]).any(axis=1) for edge in fake_outside]),
    )
