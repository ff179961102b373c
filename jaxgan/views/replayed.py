"""Image pool (replay buffer): the discriminator also sees fakes of earlier steps.

A discriminator that sees only the present fakes forgets earlier ones, and the generator
may return to them. With a pool, about half of the fakes that it sees are earlier ones.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxgan.errors import check_name, check_positive_int
from jaxgan.types import PlayerName, Tree, View


class Pool(NamedTuple):
    """Earlier fakes, and the number of pool slots in use."""

    fakes: Tree  # (size, …)
    filled: Int[Array, ""]


def replayed(size: int = 50, player: PlayerName = "discriminator") -> View:
    """Create a view with an image pool (replay buffer) of earlier fakes.

    It follows CycleGAN's code, one fake at a time. While the pool is not full, each
    fake is stored and shown. Afterwards a fake is shown with probability ½; otherwise
    it replaces a random fake of the pool, which is shown in its place. The generator's
    loss always uses its present fakes. The pool is on the device and part of every
    checkpoint, so a resumed run shows the same fakes.

    Args:
        size: number of fakes in the pool.
        player: the player whose substeps read and fill the pool.

    Raises:
        InputError: if `size` is not an integer of at least 1, or, when the game is
            built, if the dynamics update several players after one round, or if the
            game is conditional, since fakes belong to their conditions.

    Reference: Shrivastava et al. 2016, arXiv:1612.07828, section 2.3; Zhu et al. 2017
    (CycleGAN), arXiv:1703.10593, section 4.

        >>> from jaxgan import gan, least_squares, mlp, priors
        >>> from jaxgan.views import replayed
        >>> game = gan(mlp((8, 8, 1)), mlp(()), least_squares(), priors.normal(4),
        ...     view=replayed(50))
    """
    check_positive_int("replayed: size", size)
    check_name("replayed: player", player)

    def init(reals: Tree) -> Pool:
        fakes = jax.tree.map(lambda x: jnp.zeros((size, *x.shape[1:]), x.dtype), reals)
        return Pool(fakes, jnp.int32(0))

    def pool(state: Pool, fake: Tree, key: Array, mover: PlayerName) -> tuple:
        if mover != player:
            return fake, state
        count = len(jax.tree.leaves(fake)[0])
        shown, kept, filled = _pool_indices(key, size, count, state.filled)

        def take(indices: Array) -> Tree:
            return jax.tree.map(
                lambda x, y: jnp.concatenate([x, y.astype(x.dtype)])[indices],
                state.fakes,
                fake,
            )

        kept_fakes = jax.lax.stop_gradient(take(kept))
        return take(shown), Pool(kept_fakes, filled)

    return View(init=init, pool=pool, state_owner=player)


def _pool_indices(
    key: Array, size: int, count: int, filled: Int[Array, ""]
) -> tuple[Array, Array, Array]:
    """Choose the fakes to show and to keep, as indices into pool and batch.

    An index below `size` is a slot of the pool; the batch follows. The sequential rule
    runs in a loop over indices only, so the images are gathered once.
    """
    coin_key, place_key = jax.random.split(key)
    coins = jax.random.bernoulli(coin_key, 0.5, (count,))
    chosen = jax.random.randint(place_key, (count,), 0, size)

    def visit(
        carried: tuple[Array, Array], new: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        kept, filled = carried
        place, coin, random = new
        full = filled >= size
        slot = jnp.where(full, random, jnp.minimum(filled, size - 1))
        shown = jnp.where(full & coin, kept[slot], place)
        kept = jnp.where(full & ~coin, kept, kept.at[slot].set(place))
        return (kept, jnp.minimum(filled + 1, size)), shown

    indices = size + jnp.arange(count, dtype=jnp.int32)
    start = (jnp.arange(size, dtype=jnp.int32), filled)
    (kept, filled), shown = jax.lax.scan(visit, start, (indices, coins, chosen))
    return shown, kept, filled
