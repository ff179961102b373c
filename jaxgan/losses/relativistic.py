"""Is this real more real than that fake? Losses of differences of logits.

A relativistic loss is another loss played with differences: the discriminator pays what
the base charges it when each logit is replaced by its lead over the other side's, and
the generator pays the same with reals and fakes exchanged. So a base is any loss that
charges the discriminator for logits alone; what it charges the generator is not used.
All logits may be shifted by one number without changing anything.

A base with probes, gradients, features or weights has no such meaning and is refused;
`chain` those beside it.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
from jax.tree_util import Partial

from jaxgan.errors import InputError
from jaxgan.losses.combine import check_loss
from jaxgan.losses.reductions import Weight, count_pairs, fair_mean, pair_weight
from jaxgan.precision import wide
from jaxgan.types import Loss, Payments, Round, Score, Term, Tree


def relativistic(base: Loss) -> Loss:
    """Each real against one fake.

        m = D(x) - D(G(z)), with r and f what the base charges for a real's logit and
        for a fake's:
        discriminator pays ½ E [r(m) + f(-m)],  generator pays ½ E [r(-m) + f(m)]

    Half, since each pair is seen from both sides: a base with f(t) = r(-t) then costs
    E r(m) and E r(-m), which over `non_saturating` are E ζ(-m) and E ζ(m), the loss of
    RSGAN and R3GAN. Over `wasserstein` it is that loss itself, up to what the generator
    cannot change. A pair counts by the product of its weights.

    Args:
        base: a loss of the logits; its terms become `relativistic_…`.

    Raises:
        InputError: when the game is built, if there are not as many fakes as reals, or
            if the base reads more than logits or does not charge the discriminator.

    Reference: Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al.
    2025 (R3GAN), arXiv:2501.05441.

        >>> from jaxgan import chain, non_saturating, r1, r2, relativistic
        >>> r3gan = chain(relativistic(non_saturating()), r1(0.05), r2(0.05))
    """

    def lead(record: Round) -> Round:
        count_pairs("relativistic", record)
        margin = wide(record.real_score.logits) - wide(record.fake_score.logits)
        weight = pair_weight(record)
        return _only_logits(record, margin, -margin, weight, weight)

    return _compared("relativistic", lead, base, scale=0.5)


def relativistic_average(base: Loss) -> Loss:
    """Each real against the average fake, and each fake against the average real.

        r' = D(x) - E D(G(z)),  f' = D(G(z)) - E D(x), with r and f what the base
        charges for a real's logit and for a fake's:
        discriminator pays E r(r') + E f(f'),  generator pays E r(f') + E f(r')

    Over `non_saturating` RaSGAN, over `least_squares(-1, 1)` RaLSGAN, over `hinge`
    RaHingeGAN. The averages are over the global batch, weights included, and over
    patches; the batches may differ in size. ESRGAN's code pays half as much.

    Args:
        base: a loss of the logits; its terms become `relativistic_average_…`.

    Raises:
        InputError: when the game is built, if the base reads more than logits or does
            not charge the discriminator.

    Reference: Jolicoeur-Martineau 2018, arXiv:1807.00734.

        >>> from jaxgan import hinge, relativistic_average
        >>> list(relativistic_average(hinge()).terms)
        ['relativistic_average_hinge']
    """

    def lead(record: Round) -> Round:
        reals, fakes = wide(record.real_score.logits), wide(record.fake_score.logits)
        return _only_logits(
            record,
            reals - fair_mean(record, fakes, record.fake_weight),
            fakes - fair_mean(record, reals, record.weight),
            record.weight,
            record.fake_weight,
        )

    return _compared("relativistic_average", lead, base, scale=1.0)


def _compared(
    prefix: str, lead: Callable[[Round], Round], base: Loss, scale: float
) -> Loss:
    def versus(name: str, term: Term) -> Term:
        def charge(record: Round, state: Tree, key: jax.Array) -> tuple[Tree, Tree]:
            try:
                paid, state = term.evaluate(record, state, key)
            except Exception as error:  # whatever comes of reading what is not there
                raise InputError(
                    f"{prefix}: the base term {name!r} reads more than logits; give it "
                    "a loss of the logits, like non_saturating(), and chain the rest "
                    "beside it."
                ) from error
            if "discriminator" not in paid:
                raise InputError(
                    f"{prefix}: the base term {name!r} charges the discriminator "
                    "nothing; use a loss of the logits, such as non_saturating()."
                )
            return scale * paid["discriminator"], state

        def evaluate(
            record: Round, state: Tree, key: jax.Array
        ) -> tuple[Payments, Tree]:
            straight = lead(record)
            ours, after = charge(straight, state, key)
            theirs, _ = charge(_exchanged(straight), state, key)
            return {"discriminator": ours, "generator": theirs}, after

        return replace(term, evaluate=evaluate)

    check_loss(f"{prefix}: base", base)
    return Loss(
        {f"{prefix}_{name}": versus(name, term) for name, term in base.terms.items()}
    )


def _exchanged(record: Round) -> Round:
    return replace(
        record,
        real_score=record.fake_score,
        fake_score=record.real_score,
        weight=record.fake_weight,
        fake_weight=record.weight,
    )


def _only_logits(
    record: Round,
    reals: jax.Array,
    fakes: jax.Array,
    weight: Weight,
    fake_weight: Weight,
) -> Round:
    nothing = Partial(_refuse)
    return replace(
        record,
        real=(),
        fake=(),
        latent=(),
        real_score=Score(reals),
        fake_score=Score(fakes),
        weight=weight,
        fake_weight=fake_weight,
        real_pullback=nothing,
        fake_pullback=nothing,
        critic=nothing,
        generate=nothing,
        params={},
    )


def _refuse(*args: Tree, **kwargs: Tree) -> Tree:
    del args, kwargs
    raise InputError("the round is seen through its logits alone.")
