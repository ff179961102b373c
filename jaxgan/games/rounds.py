"""The round that every adversarial game has: a discriminator scores reals and fakes.

    real_score = D(view(x), c),  fake_score = D(view(fake), c)

It does not matter what made the fakes. A `gan` has one such round; a bigger game has
several, as fields of its own record, and `focus` applies to each the losses of a GAN.
"""

import dataclasses

import jax
from jax.tree_util import Partial
from jaxtyping import Array

from jaxgan.errors import InputError
from jaxgan.games.calls import probe
from jaxgan.games.pairing import Pairing, separate
from jaxgan.losses.reductions import mask_unweighted
from jaxgan.precision import at_least_float32
from jaxgan.types import Call, Round, Score, Tree, Turn, View, no_pool


def score_round(
    discriminator: Call,
    turn: Turn,
    fake: Tree,
    *,
    view: View = View(),
    view_state: Tree = (),
    pairing: Pairing = separate,
    stats: Tree = None,
    generate: Partial | None = None,
) -> tuple[Round, Tree, Tree]:
    """Score the reals of a turn and some fakes by one discriminator.

    Where the weight has patch axes, what weighs nothing is hidden: its logits are 0,
    and so are those places of images and features whose axes begin with the weight's,
    such as persons or frames. In a conditional game a fake has the weight of its
    example.

    Args:
        discriminator: `(image, *condition)` gives a `Score`, or logits, as `gan` says.
        turn: its batch has the reals, the condition and the weight, its key is this
            round's own; see `round_keys`.
        fake: images like the reals, as many as the game likes.
        view: what the discriminator is shown.
        view_state: the view's.
        pairing: how the batches of reals and fakes meet; see `games.pairing`.
        stats: the discriminator's, where it was called before in the game's round.
        generate: the probe that the record gets, if the fakes come from latents.

    Returns:
        The record, and the states of discriminator and view after the round.

    Raises:
        InputError: if the fakes are not like the reals, the logits have another batch,
            a conditional game has another number of fakes than of reals, or a view that
            keeps fakes is used under a condition or where several players move after
            one round.
    """
    batch = turn.batch
    _, pool_key, pair_key, probe_key = round_keys(turn)
    _check_alike(batch.real, fake)
    check_count(turn, fake)
    fake, view_state = _pooled(view, view_state, turn, fake, pool_key)
    fake_weight = batch.weight if batch.condition else None
    real = view.group(batch.real)  # hidden already, with the rest of the turn
    fake = view.group(mask_unweighted(fake_weight, fake))
    critic = Partial(_BehindView(view), discriminator, view_state, turn.step)

    def scorer(
        stats: Tree, key: Array, image: Tree, condition: tuple[Tree, ...]
    ) -> tuple[Score, Tree]:
        return critic(image, *condition, stats=stats, key=key)

    scored_real, scored_fake, stats = pairing(
        scorer, stats, pair_key, real, fake, batch.condition
    )
    record = Round.of(
        turn,
        real=real,
        fake=fake,
        fake_weight=fake_weight,
        real_score=_masked(batch.weight, scored_real.score),
        fake_score=_masked(fake_weight, scored_fake.score),
        real_pullback=scored_real.pullback,
        fake_pullback=scored_fake.pullback,
        critic=Partial(probe, critic, probe_key),
        generate=generate,
    )
    return record, stats, view.adapt(view_state, record)


def round_keys(turn: Turn) -> tuple[Array, Array, Array, Array]:
    """The keys of a round: to make its fakes, for the pool, the scores and the probes.

    `score_round` uses the last three, so whoever makes the fakes takes the first.
    """
    making, pool, scores, probes = jax.random.split(turn.key, 4)
    return making, pool, scores, probes


def as_score(output: Score | Tree) -> Score:
    """A discriminator's output as a `Score` with logits of at least float32.

    A last axis of one channel is dropped from the logits. Logits of several scales stay
    a tuple.
    """

    def logits_of(x: Array) -> Array:
        return at_least_float32(x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x)

    score = output if isinstance(output, Score) else Score(output)
    if isinstance(score.logits, list):
        score = score._replace(logits=tuple(score.logits))
    return score._replace(logits=jax.tree.map(logits_of, score.logits))


@dataclasses.dataclass(frozen=True)
class _BehindView:
    """A discriminator behind its view, as a call; equal for equal views."""

    view: View

    def __call__(
        self,
        discriminator: Call,
        view_state: Tree,
        step: Array,
        image: Tree,
        *condition: Tree,
        key: Array,
        stats: Tree = None,
        train: bool = True,
    ) -> tuple[Score, Tree]:
        show_key, key = jax.random.split(key)
        image = self.view.show(view_state, show_key, image, step)
        output, stats = discriminator(
            image, *condition, stats=stats, key=key, train=train
        )
        score = as_score(output)
        _check_logits(score.logits, image)
        return score, stats


def _pooled(
    view: View, state: Tree, turn: Turn, fake: Tree, key: Array
) -> tuple[Tree, Tree]:
    if view.pool is no_pool:
        return fake, state
    if turn.player is None:
        raise InputError(
            "the view keeps earlier fakes, which only the discriminator may be shown, "
            "but here several players move after one round; use alternating moves."
        )
    if turn.batch.condition:
        raise InputError(
            "the view keeps earlier fakes, which would be scored under the conditions "
            "of others; use a view without a pool in a conditional game."
        )
    return view.pool(state, fake, key, turn.player)


def _masked(weight: Array | None, score: Score) -> Score:
    """A score whose logits and features are 0 at patches that weigh nothing."""
    return score._replace(
        logits=mask_unweighted(weight, score.logits),
        features=mask_unweighted(weight, score.features),
    )


def _check_logits(logits: Tree, image: Tree) -> None:
    count = jax.tree.leaves(image)[0].shape[0]
    for each in jax.tree.leaves(logits):
        if not each.ndim or each.shape[0] != count:
            raise InputError(
                f"the discriminator makes logits of shape {each.shape} from {count} "
                f"images; they must be ({count},), or ({count}, …) for patches."
            )


def _check_alike(real: Tree, fake: Tree) -> None:
    made, wanted = (
        jax.tree.map(lambda x: x.shape[1:], images) for images in (fake, real)
    )
    if made != wanted:
        raise InputError(
            f"the generator makes examples of shape {made}, but the data's are "
            f"{wanted}: give both the same shape."
        )


def check_count(turn: Turn, made: Tree) -> None:
    """Refuse another number of fakes, or latents, than of reals under a condition.

    Raises:
        InputError: if so.
    """
    sizes = {x.shape[0] for x in jax.tree.leaves((turn.batch.real, made))}
    if turn.batch.condition and len(sizes) > 1:
        raise InputError(
            "fakes: a condition belongs to one real and one fake, so a conditional "
            f"game needs as many fakes as reals, got batches of {sorted(sizes)}."
        )
