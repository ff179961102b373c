"""Composition of several views into one."""

import jax
from jaxtyping import Array

from jaxgan.errors import InputError
from jaxgan.types import PlayerName, Round, Tree, View, no_pool


def compose(*views: View) -> View:
    """Compose views: each transforms the output of the one before.

    `compose()` is `View()`. `compose(a, compose(b, c))` equals `compose(a, b, c)` up to
    the random numbers.

    Args:
        views: the views, in the order in which they are applied.

    Raises:
        InputError: if an argument is not a `View`, or the views' states advance with
            different players.

        >>> from jaxgan.views import compose, diff_augment, replayed, translation
        >>> view = compose(replayed(50), diff_augment(translation()))
    """
    for view in views:
        if not isinstance(view, View):
            raise InputError(f"compose: every argument must be a View, got {view!r}.")
    owners = sorted(
        {view.state_owner for view in views if view.state_owner is not None}
    )
    if len(owners) > 1:
        raise InputError(
            f"compose: the states of the views advance with different players, "
            f"{owners}; compose views that advance with one."
        )

    def init(reals: Tree) -> tuple[Tree, ...]:
        return tuple(view.init(reals) for view in views)

    def pool(
        states: tuple[Tree, ...], fake: Tree, key: Array, player: PlayerName
    ) -> tuple[Tree, tuple[Tree, ...]]:
        after = []
        for i, (view, state) in enumerate(zip(views, states, strict=True)):
            fake, state = view.pool(state, fake, jax.random.fold_in(key, i), player)
            after.append(state)
        return fake, tuple(after)

    def group(x: Tree) -> Tree:
        for view in views:
            x = view.group(x)
        return x

    def show(states: tuple[Tree, ...], key: Array, x: Tree, step: Array) -> Tree:
        for i, (view, state) in enumerate(zip(views, states, strict=True)):
            x = view.show(state, jax.random.fold_in(key, i), x, step)
        return x

    def adapt(states: tuple[Tree, ...], record: Round) -> tuple[Tree, ...]:
        return tuple(
            view.adapt(state, record) for view, state in zip(views, states, strict=True)
        )

    pools = any(view.pool is not no_pool for view in views)
    return View(
        init=init,
        pool=pool if pools else no_pool,
        group=group,
        show=show,
        adapt=adapt,
        state_owner=owners[0] if owners else None,
    )
