"""Who lies in whose ball, which is all that four metrics ask of two sets.

A ball of a set reaches from one of its points to the k-th nearest of the others. Which
fakes lie in the balls of reals makes precision and density, which reals in those of
fakes recall, and which balls of reals hold a fake coverage; so all of them, for several
k, are read from one `Overlap` each, and the distances are computed once:

    near, wide = overlaps(real, fake, (3, 5))
    precision_recall_of(near), density_coverage_of(wide)

What differs from a radius by less than the rounding of the distances lies on the ball's
edge. So a fake that is the copy of a real is as far from the others as that real is.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from jaxgan.errors import InputError, check_positive_int
from jaxgan.metrics.checks import checked_pair
from jaxgan.metrics.estimate import Estimate
from jaxgan.metrics.neighbours import (
    in_one_part,
    measure,
    radii_in_parts,
    squares,
)

ROUNDING = 1e-13
"""What ‖x - y‖² may lose, as a share of ‖x‖² + ‖y‖²: 450 units in the last place."""

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


_Met = tuple[slice, slice, tuple[Array, Array, Array, Array]]
"""Rows of the reals, rows of the fakes, and who met there."""


class _Balls(NamedTuple):
    """Squared radii for each k, above and below what rounding can do to an edge."""

    with_edge: Float[np.ndarray, "r n"]
    without: Float[np.ndarray, "r n"]


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
    balls = _balls(real, centre, ks, parts)
    fake_balls = _balls(fake, centre, ks, parts)
    found: list[list[_Met]] = [[] for _ in balls]
    with jax.enable_x64(True):
        for reals, fakes, square in squares(real, fake, centre, parts):
            of_all = slice(None if in_one_part(reals, fakes) else 1)
            for own, a, b in zip(found[of_all], balls, fake_balls, strict=False):
                edges = (
                    a.with_edge[:, reals],
                    a.without[:, reals],
                    b.with_edge[:, fakes],
                )
                own.append((reals, fakes, _meet(square, *edges)))
    return [_together(met, ks, len(real), len(fake)) for met in found]


def _together(
    met: list[_Met], ks: tuple[int, ...], n: int, m: int
) -> tuple[Overlap, ...]:
    """What all blocks of pairs add up to.

    They are fetched only here, so that one is computed while the next is dispatched.
    """
    fakes_held, fakes_inside = np.zeros((2, len(ks), m), int)
    reals_held, reals_met = np.zeros((2, len(ks), n), bool)
    for reals, fakes, (held, inside, real_held, real_met) in met:
        fakes_held[:, fakes] += held
        fakes_inside[:, fakes] += inside
        reals_held[:, reals] |= real_held
        reals_met[:, reals] |= real_met
    every = zip(ks, fakes_held, fakes_inside, reals_held, reals_met, strict=True)
    return tuple(Overlap(*each) for each in every)


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
    norms = np.square(measure(centre[None], x, np.zeros((len(x), 1), int))).T
    balls = []
    for reach in map(np.square, radii_in_parts(x, ks, parts)):
        slack = ROUNDING * (norms + reach)
        balls.append(_Balls(reach + slack, reach - slack))
    return balls


@jax.jit
def _meet(
    square: Float[Array, "b c"],
    with_edge: Float[Array, "r b"],
    without: Float[Array, "r b"],
    fake_with_edge: Float[Array, "r c"],
) -> tuple[
    Int[Array, "r c"], Int[Array, "r c"], Bool[Array, "r b"], Bool[Array, "r b"]
]:
    """What one block of pairs adds to the four fields of an overlap."""

    def count(of_each_fake: Bool[Array, "b c"]) -> Int[Array, " c"]:
        return of_each_fake.sum(axis=0, dtype=jnp.int32)

    # One k at a time, which XLA compiles to faster loops than all at once.
    return (
        jnp.stack([count(square <= edge[:, None]) for edge in with_edge]),
        jnp.stack([count(square < edge[:, None]) for edge in without]),
        jnp.stack([(square <= edge[None]).any(axis=1) for edge in fake_with_edge]),
        square.min(axis=1)[None] < without,
    )
