"""Losses of a classifier that is a head of the discriminator.

    headed(discriminator, label=mlp((10,)))

makes `Score.extra["label"]`, the logits of the classes. The label of an example and of
its fake is the last condition, integers (b,). The discriminator must not see it, or
there would be nothing to classify: see `networks.unconditional`. Each of these losses
is added to an adversarial loss of the discriminator's own logits.

A label outside the classes is refused where its value is known. Inside `jit`, neither
player pays for its example.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import InputError, check_labels, check_name, check_non_negative
from jaxgan.losses.combine import stateless
from jaxgan.losses.reductions import example_weights, weighted_mean
from jaxgan.precision import at_least_float32
from jaxgan.types import Loss, Losses, Round

Logits = Float[Array, "b k"]
Chosen = Float[Array, "b classes"]
"""One-hot vectors of labels."""

Payments = tuple[Float[Array, " b"], Float[Array, " b"] | None, Float[Array, " b"]]
"""Of the discriminator for each real and each fake, and of the generator."""


def auxiliary_classifier(weight: float | Array = 1.0, *, head: str = "label") -> Loss:
    """Create the classification loss of AC-GAN, for a head of K class logits.

        discriminator pays λ · (E -log p(y | x) + E -log p(y | G(z, y)))
        generator pays     λ · E -log p(y | G(z, y))

    p is the softmax of the head's logits. In the paper both players pay both terms; the
    generator's gradient of the first is 0. The generator gains by fakes that are easy
    to classify, which costs diversity within a class; with
    `auxiliary_discriminative_classifier` it does not. Some code charges the
    discriminator for the reals only.

    Args:
        weight: λ ≥ 0; may be traced.
        head: name of the head in `Score.extra`, as given to `headed`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, `head` is no name,
            or, when the game is built, if the discriminator has no such head or the
            game has no labels.

    Reference: Odena et al. 2017 (AC-GAN), arXiv:1610.09585.

        >>> from jaxgan import chain, mlp, non_saturating
        >>> from jaxgan.losses import auxiliary_classifier
        >>> from jaxgan.networks import headed, unconditional
        >>> trunk = mlp((), features=True)
        >>> discriminator = unconditional(headed(trunk, label=mlp((10,), ())))
        >>> loss = chain(non_saturating(), auxiliary_classifier(1.0))
    """

    def pay(reals: Logits, fakes: Logits, chosen: Chosen) -> Payments:
        of_fakes = _cross_entropy(fakes, chosen)
        return _cross_entropy(reals, chosen), of_fakes, of_fakes

    return _of_head("auxiliary_classifier", weight, head, pay)


def auxiliary_discriminative_classifier(
    weight: float | Array = 1.0, *, head: str = "label"
) -> Loss:
    """Create the loss of ADC-GAN, for a head of 2K logits: each class, real and fake.

        discriminator pays λ · (E -log p(y, real | x) + E -log p(y, fake | G(z, y)))
        generator pays     λ · E log (p(y, fake | G(z, y)) / p(y, real | G(z, y)))

    p is the softmax over all 2K logits, of which the first K are of reals and the last
    K of fakes (in the authors' code they alternate). The generator's payment is the
    difference of two logits. Against the best classifier it is λ times the
    Kullback-Leibler divergence of the joint distribution of fakes and labels to that of
    reals and labels, so, other than in AC-GAN, fakes that are easy to classify gain
    nothing.

    Args:
        weight: λ ≥ 0; may be traced.
        head: name of the head in `Score.extra`, as given to `headed`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, `head` is no name,
            or, when the game is built, if the discriminator has no such head, the
            number of its logits is odd, or the game has no labels.

    Reference: Hou et al. 2022 (ADC-GAN), arXiv:2107.10060.

        >>> from jaxgan import chain, mlp, non_saturating
        >>> from jaxgan.losses import auxiliary_discriminative_classifier
        >>> from jaxgan.networks import headed, unconditional
        >>> trunk = mlp((), features=True)
        >>> discriminator = unconditional(headed(trunk, label=mlp((2 * 10,), ())))
        >>> loss = chain(non_saturating(), auxiliary_discriminative_classifier(1.0))
    """

    def pay(reals: Logits, fakes: Logits, chosen: Chosen) -> Payments:
        nothing = jnp.zeros_like(chosen)
        real_class = jnp.concatenate([chosen, nothing], axis=1)
        fake_class = jnp.concatenate([nothing, chosen], axis=1)
        return (
            _cross_entropy(reals, real_class),
            _cross_entropy(fakes, fake_class),
            _pick(fakes, fake_class) - _pick(fakes, real_class),
        )

    name = "auxiliary_discriminative_classifier"
    return _of_head(name, weight, head, pay, logits_of_class=2)


def multi_hinge(weight: float | Array = 1.0, *, head: str = "label") -> Loss:
    """Create the multi-class hinge loss of MHingeGAN, for a head of K class logits.

        m(x, y) = max(0, 1 - C(x)_y + max over k ≠ y of C(x)_k)
        discriminator pays λ · E m(x, y)
        generator pays     λ · E m(G(z, y), y)

    C are the head's logits. The margin is Crammer and Singer's, and a fake that is
    classified with a margin of 1 gains nothing more. It is the form of the published
    paper, beside an adversarial loss, such as `hinge`; its first preprint instead
    trains K + 1 classes, of which one is of fakes, without another loss.

    Args:
        weight: λ ≥ 0; may be traced.
        head: name of the head in `Score.extra`, as given to `headed`.

    Raises:
        InputError: if a concrete `weight` is negative or not finite, `head` is no name,
            or, when the game is built, if the discriminator has no such head or the
            head a single logit, or the game has no labels.

    Reference: Kavalerov et al. 2021 (MHingeGAN), arXiv:1912.04216; Crammer & Singer
    2001.

        >>> from jaxgan import chain, hinge, mlp
        >>> from jaxgan.losses import multi_hinge
        >>> from jaxgan.networks import headed, unconditional
        >>> trunk = mlp((), features=True)
        >>> discriminator = unconditional(headed(trunk, label=mlp((10,), ())))
        >>> loss = chain(hinge(), multi_hinge(1.0))
    """

    def pay(reals: Logits, fakes: Logits, chosen: Chosen) -> Payments:
        if reals.shape[1] < 2:
            raise InputError(
                "multi_hinge compares the logits of different classes, so the head "
                "must have at least 2, got 1."
            )
        return _margin(reals, chosen), None, _margin(fakes, chosen)

    return _of_head("multi_hinge", weight, head, pay)


def _of_head(
    name: str,
    weight: float | Array,
    head: str,
    pay: Callable[[Logits, Logits, Chosen], Payments],
    logits_of_class: int = 1,
) -> Loss:
    """Create a loss of the class logits of reals and fakes, averaged over the batch."""
    check_non_negative(f"{name}: weight", weight)
    check_name(f"{name}: head", head)

    def evaluate(record: Round, key: Array) -> Losses:
        del key
        reals, fakes = (
            _logits_of(name, head, score.extra)
            for score in (record.real_score, record.fake_score)
        )
        if not record.condition:
            raise InputError(
                f"{name} classifies labels, but the batches have no condition; give "
                "them one, Batch(images, (labels,))."
            )
        if reals.shape[1] % logits_of_class:
            raise InputError(
                f"{name}: the head must have {logits_of_class} logits for each class, "
                f"of reals and of fakes, got {reals.shape[1]} logits."
            )
        label, classes = record.condition[-1], reals.shape[1] // logits_of_class
        check_labels(f"{name}: labels", label, classes)
        chosen = jax.nn.one_hot(label, classes, dtype=reals.dtype)
        of_reals, of_fakes, of_generator = pay(reals, fakes, chosen)
        is_known = chosen.sum(axis=1)

        def mean(values: Array, of: Array | None) -> Array:
            known = is_known * values
            return weight * weighted_mean(record, known, example_weights(of))

        discriminator = mean(of_reals, record.weight)
        if of_fakes is not None:
            discriminator = discriminator + mean(of_fakes, record.fake_weight)
        return {
            "discriminator": discriminator,
            "generator": mean(of_generator, record.fake_weight),
        }

    return stateless(evaluate, name=name)


def _logits_of(name: str, head: str, extra: Any) -> Logits:
    logits = extra.get(head) if isinstance(extra, Mapping) else None
    if logits is None:
        raise InputError(
            f"{name} reads the discriminator's head {head!r}, but it has none; use "
            f"headed(discriminator, {head}=mlp((classes,))), or name yours with head=…."
        )
    if logits.ndim != 2:
        raise InputError(
            f"{name}: the head {head!r} must make logits (b, classes), got shape "
            f"{logits.shape}."
        )
    return at_least_float32(logits)


def _pick(logits: Logits, chosen: Chosen) -> Float[Array, " b"]:
    return (chosen * logits).sum(axis=1)


def _cross_entropy(logits: Logits, chosen: Chosen) -> Float[Array, " b"]:
    return jax.nn.logsumexp(logits, axis=1) - _pick(logits, chosen)


def _margin(logits: Logits, chosen: Chosen) -> Float[Array, " b"]:
    """Compute Crammer and Singer's hinge of each example."""
    highest = jnp.where(chosen > 0, -jnp.inf, logits).max(axis=1)
    return jax.nn.relu(1 - _pick(logits, chosen) + highest)
