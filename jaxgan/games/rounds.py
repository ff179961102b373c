"""The adversarial round: a discriminator scores reals and fakes.

    real_score = D(view(x), c),  fake_score = D(view(fake), c)

The fakes may come from any networks. A `gan` has one such round. A larger game has
several, as fields of its own record, and `focus` applies the losses of a GAN to each.
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
    """Score a turn's reals and some fakes with one discriminator.

    If the weight has patch axes, patches of weight zero are masked. Their logits are 0.
    Images and features are 0 there too, if their axes begin with the weight's (persons
    or frames, for instance). In a conditional game a fake has its example's weight.

    Args:
        discriminator: `(image, *condition)` gives a `Score` or logits, as in `gan`.
        turn: the batch has the reals, the condition and the weight; the key is used by
            this round only, see `round_keys`.
        fake: images shaped like the reals; any number, if there is no condition.
        view: transformation of the discriminator's inputs.
        view_state: state of the view.
        pairing: whether reals and fakes are scored in one batch; see `games.pairing`.
        stats: statistics of the discriminator, if it was called before in this round.
        generate: `Round.generate`, if the fakes come from latents.

    Returns:
        The record, and the states of discriminator and view after the round.

    Raises:
        InputError: if the fakes have another shape than the reals, the logits another
            batch size, a conditional game another number of fakes than of reals, or if
            a view with a pool of fakes is used under a condition or when several
            players update after one round.
    """
    batch = turn.batch
    _, pool_key, pair_key, probe_key = round_keys(turn)
    _check_shapes(batch.real, fake)
    check_count(turn, fake)
    fake, view_state = _replay(view, view_state, turn, fake, pool_key)
    fake_weight = batch.weight if batch.condition else None
    real = view.group(batch.real)  # masked already, with the rest of the turn
    fake = view.group(mask_unweighted(fake_weight, fake))
    critic = Partial(_ViewedDiscriminator(view), discriminator, view_state, turn.step)

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
        real_score=_mask(batch.weight, scored_real.score),
        fake_score=_mask(fake_weight, scored_fake.score),
        real_pullback=scored_real.pullback,
        fake_pullback=scored_fake.pullback,
        critic=Partial(probe, critic, probe_key),
        generate=generate,
    )
    return record, stats, view.adapt(view_state, record)


def round_keys(turn: Turn) -> tuple[Array, Array, Array, Array]:
    """Split a round's key: for the fakes, the pool, the scores and the probes.

    `score_round` uses the last three; a game generates its fakes with the first.
    """
    making, pool, scores, probes = jax.random.split(turn.key, 4)
    return making, pool, scores, probes


def as_score(output: Score | Tree) -> Score:
    """Convert a discriminator's output to a `Score` with logits of at least float32.

    A last axis of size one is dropped from the logits. Logits of several scales become
    a tuple.
    """

    def normalize(x: Array) -> Array:
        return at_least_float32(x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x)

    score = output if isinstance(output, Score) else Score(output)
    if isinstance(score.logits, list):
        score = score._replace(logits=tuple(score.logits))
    return score._replace(logits=jax.tree.map(normalize, score.logits))


@dataclasses.dataclass(frozen=True)
class _ViewedDiscriminator:
    """A discriminator that sees images through its view; equal for equal views."""

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


def _replay(
    view: View, state: Tree, turn: Turn, fake: Tree, key: Array
) -> tuple[Tree, Tree]:
    """Pass the fakes through the view's pool; return them and the pool's new state."""
    if view.pool is no_pool:
        return fake, state
    if turn.player is None:
        raise InputError(
            "the view keeps earlier fakes, which only the discriminator may score, but "
            "several players update after one round here; use alternating updates."
        )
    if turn.batch.condition:
        raise InputError(
            "the view keeps earlier fakes, which would be scored under the conditions "
            "of other examples; use a view without a pool in a conditional game."
        )
    return view.pool(state, fake, key, turn.player)


def _mask(weight: Array | None, score: Score) -> Score:
    """Set a score's logits and features to 0 at patches of weight zero."""
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


def _check_shapes(real: Tree, fake: Tree) -> None:
    made, wanted = (
        jax.tree.map(lambda x: x.shape[1:], images) for images in (fake, real)
    )
    if made != wanted:
        raise InputError(
            f"the generator makes examples of shape {made}, but the data's are "
            f"{wanted}; they must be the same."
        )


def check_count(turn: Turn, made: Tree) -> None:
    """Check that a conditional game has as many fakes, or latents, as reals.

    Raises:
        InputError: if not.
    """
    sizes = {x.shape[0] for x in jax.tree.leaves((turn.batch.real, made))}
    if turn.batch.condition and len(sizes) > 1:
        raise InputError(
            "fake_batch_sizes: a condition belongs to one real and one fake, so a "
            "conditional game needs as many fakes as reals, got batches of "
            f"{sorted(sizes)}."
        )
