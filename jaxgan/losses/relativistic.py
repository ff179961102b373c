"""Relativistic GAN losses, on differences between logits of reals and fakes.

A relativistic loss applies a base loss to differences. For the discriminator it is the
base's discriminator loss, with each logit replaced by its difference from the logits of
the other side. For the generator it is the same with reals and fakes exchanged. The
base's generator loss is not used. Adding a constant to all logits changes nothing.

The base must depend on logits only. One that reads gradients, features, parameters or
`critic` and `generate` is rejected; add such terms with `chain`.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
from jax.tree_util import Partial

from jaxgan.errors import InputError
from jaxgan.losses.combine import check_loss
from jaxgan.losses.reductions import Weight, count_pairs, normalized_mean, pair_weight
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round, Score, Term, Tree


def relativistic(base: Loss) -> Loss:
    """Create a relativistic pairing loss (RpGAN): each real against one fake.

        m = D(x) - D(G(z)), with r and f what the base charges for a real's logit and
        for a fake's:
        discriminator pays ½ E [r(m) + f(-m)],  generator pays ½ E [r(-m) + f(m)]

    The factor ½ is there because each pair appears twice. For a base with f(t) = r(-t)
    the losses are E r(m) and E r(-m). With `non_saturating` they are E ζ(-m) and
    E ζ(m), the loss of RSGAN and R3GAN. With `wasserstein` the result is `wasserstein`,
    up to terms that the generator cannot change. A pair's weight is the product of the
    weights of its real and its fake.

    Args:
        base: loss that depends on logits only; its terms become `relativistic_…`.

    Raises:
        InputError: when the game is built, if there are not as many fakes as reals, or
            if the base reads more than logits or does not charge the discriminator.

    Reference: Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al.
    2025 (R3GAN), arXiv:2501.05441.

        >>> from jaxgan import chain, non_saturating, r1, r2
        >>> from jaxgan.losses import relativistic
        >>> r3gan = chain(relativistic(non_saturating()), r1(0.05), r2(0.05))
    """

    def differences(record: Round) -> Round:
        count_pairs("relativistic", record)
        reals = at_least_float32(record.real_score.logits)
        fakes = at_least_float32(record.fake_score.logits)
        margin = reals - fakes
        weight = pair_weight(record)
        return _restrict_to_logits(record, margin, -margin, weight, weight)

    return _relativistic("relativistic", differences, base, scale=0.5)


def relativistic_average(base: Loss) -> Loss:
    """Create a relativistic average loss (RaGAN): each logit against a mean.

        r' = D(x) - E D(G(z)),  f' = D(G(z)) - E D(x), with r and f what the base
        charges for a real's logit and for a fake's:
        discriminator pays E r(r') + E f(f'),  generator pays E r(f') + E f(r')

    With `non_saturating` this is RaSGAN, with `hinge` RaHingeGAN, and with
    `least_squares(-1, b=1)` half of RaLSGAN, whose squares have no factor ½. The means
    are over the global batch, weights included, and over patches. Reals and fakes may
    differ in number. The losses of ESRGAN's code are half of these.

    Args:
        base: loss that depends on logits only; its terms become
            `relativistic_average_…`.

    Raises:
        InputError: when the game is built, if the base reads more than logits or does
            not charge the discriminator.

    Reference: Jolicoeur-Martineau 2018, arXiv:1807.00734.

        >>> from jaxgan import hinge
        >>> from jaxgan.losses import relativistic_average
        >>> list(relativistic_average(hinge()).terms)
        ['relativistic_average_hinge']
    """

    def differences(record: Round) -> Round:
        reals = at_least_float32(record.real_score.logits)
        fakes = at_least_float32(record.fake_score.logits)
        return _restrict_to_logits(
            record,
            reals - normalized_mean(record, fakes, record.fake_weight),
            fakes - normalized_mean(record, reals, record.weight),
            record.weight,
            record.fake_weight,
        )

    return _relativistic("relativistic_average", differences, base, scale=1.0)


def _relativistic(
    prefix: str, differences: Callable[[Round], Round], base: Loss, scale: float
) -> Loss:
    def relativistic_term(name: str, term: Term) -> Term:
        def discriminator_loss(
            record: Round, state: Tree, key: jax.Array
        ) -> tuple[Tree, Tree]:
            try:
                losses, state = term.evaluate(record, state, key)
            except Exception as error:  # any error from reading the removed fields
                raise InputError(
                    f"{prefix}: the base term {name!r} reads more than logits; use a "
                    "loss of the logits, such as non_saturating(), and add the other "
                    "terms with chain."
                ) from error
            if "discriminator" not in losses:
                raise InputError(
                    f"{prefix}: the base term {name!r} charges the discriminator "
                    "nothing; use a loss of the logits, such as non_saturating()."
                )
            return scale * losses["discriminator"], state

        def evaluate(record: Round, state: Tree, key: jax.Array) -> tuple[Losses, Tree]:
            compared = differences(record)
            discriminator, after = discriminator_loss(compared, state, key)
            generator, _ = discriminator_loss(
                _swap_reals_and_fakes(compared), state, key
            )
            return {"discriminator": discriminator, "generator": generator}, after

        return replace(term, evaluate=evaluate)

    check_loss(f"{prefix}: base", base)
    return Loss(
        {
            f"{prefix}_{name}": relativistic_term(name, term)
            for name, term in base.terms.items()
        }
    )


def _swap_reals_and_fakes(record: Round) -> Round:
    return replace(
        record,
        real_score=record.fake_score,
        fake_score=record.real_score,
        weight=record.fake_weight,
        fake_weight=record.weight,
    )


def _restrict_to_logits(
    record: Round,
    reals: jax.Array,
    fakes: jax.Array,
    weight: Weight,
    fake_weight: Weight,
) -> Round:
    unavailable = Partial(_raise_logits_only)
    return replace(
        record,
        real=(),
        fake=(),
        latent=(),
        real_score=Score(reals),
        fake_score=Score(fakes),
        weight=weight,
        fake_weight=fake_weight,
        real_pullback=unavailable,
        fake_pullback=unavailable,
        critic=unavailable,
        generate=unavailable,
        params={},
    )


def _raise_logits_only(*args: Tree, **kwargs: Tree) -> Tree:
    del args, kwargs
    raise InputError("a relativistic base may read only the logits of a round.")
