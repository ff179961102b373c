"""The image pool: a discriminator that is also shown fakes of earlier steps.

A discriminator that sees only the present fakes forgets what earlier ones were like,
and the generator may return to them. So it is shown half of the time a fake that was
kept.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxgan.errors import check_positive_int
from jaxgan.types import PlayerName, Tree, View


class Pool(NamedTuple):
    """Earlier fakes, and how many have come in so far, up to as many as are kept."""

    fakes: Tree  # (size, …)
    filled: Int[Array, ""]


def replayed(size: int = 50, player: PlayerName = "discriminator") -> View:
    """In some player's substeps, show fakes of earlier ones in place of half the fakes.

    The rule of CycleGAN's code, one fake after the other: while fewer than `size` fakes
    are kept, a fake is kept and shown; from then on, with probability ½, it is shown,
    and otherwise it takes the place of a kept one, chosen at random, which is shown
    instead. The generator is always paid for what it makes now. Fakes are kept on the
    device and saved with every checkpoint, so a resumed run shows the same.

    Args:
        size: how many fakes are kept.
        player: whose substeps see and fill the pool.

    Raises:
        InputError: if `size` is not an integer of at least 1, or, when the game is
            built, under dynamics in which several players move after one round, or in
            a conditional game, whose fakes belong to their conditions.

    Reference: Shrivastava et al. 2016, arXiv:1612.07828, section 2.3; Zhu et al. 2017
    (CycleGAN), arXiv:1703.10593, section 4.

        >>> from jaxgan import gan, least_squares, mlp, priors
        >>> from jaxgan.views.replayed import replayed
        >>> game = gan(mlp((8, 8, 1)), mlp(()), least_squares(), priors.normal(4),
        ...     view=replayed(50))
    """
    check_positive_int("replayed: size", size)

    def init(reals: Tree) -> Pool:
        fakes = jax.tree.map(lambda x: jnp.zeros((size, *x.shape[1:]), x.dtype), reals)
        return Pool(fakes, jnp.int32(0))

    def pool(state: Pool, fake: Tree, key: Array, mover: PlayerName) -> tuple:
        if mover != player:
            return fake, state
        count = len(jax.tree.leaves(fake)[0])
        shown, kept, filled = _places(key, size, count, state.filled)

        def take(places: Array) -> Tree:
            return jax.tree.map(
                lambda x, y: jnp.concatenate([x, y.astype(x.dtype)])[places],
                state.fakes,
                fake,
            )

        kept_fakes = jax.lax.stop_gradient(take(kept))
        return take(shown), Pool(kept_fakes, filled)

    return View(init=init, pool=pool, state_owner=player)


def _places(
    key: Array, size: int, count: int, filled: Int[Array, ""]
) -> tuple[Array, Array, Array]:
    """Which fakes are shown and kept, as places in the pool followed by the batch.

    The rule is one of single fakes, so it is played out on their places, in a loop over
    integers; the images are moved once.
    """
    coin_key, place_key = jax.random.split(key)
    coins = jax.random.bernoulli(coin_key, 0.5, (count,))
    chosen = jax.random.randint(place_key, (count,), 0, size)

    def turn(
        carried: tuple[Array, Array], new: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        kept, filled = carried
        place, coin, random = new
        full = filled >= size
        slot = jnp.where(full, random, jnp.minimum(filled, size - 1))
        shown = jnp.where(full & coin, kept[slot], place)
        kept = jnp.where(full & ~coin, kept, kept.at[slot].set(place))
        return (kept, jnp.minimum(filled + 1, size)), shown

    places = size + jnp.arange(count, dtype=jnp.int32)
    start = (jnp.arange(size, dtype=jnp.int32), filled)
    (kept, filled), shown = jax.lax.scan(turn, start, (places, coins, chosen))
    return shown, kept, filled
