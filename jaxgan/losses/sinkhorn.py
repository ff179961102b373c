"""Optimal transport between the two batches, smoothed so that it has a gradient."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_function, check_positive, check_positive_int
from jaxgan.losses.combine import stateless
from jaxgan.losses.kernels import Embedding, embedded, logit
from jaxgan.losses.reductions import squared_distances
from jaxgan.types import Loss, Payments, Round


def sinkhorn(
    epsilon: float | Array = 1.0, iterations: int = 100, embed: Embedding = logit
) -> Loss:
    """The Sinkhorn divergence of the embedded batches, for the squared distance.

        OT(P, Q) = min over plans π of E_π ‖x - y‖² + ε KL(π ‖ P⊗Q)
        S = OT(P, Q) - ½ OT(P, P) - ½ OT(Q, Q)
        discriminator pays -S,  generator pays S

    As ε → 0, S tends to the squared Wasserstein-2 distance of the two batches, and as
    ε → ∞ to the squared distance of their means. Without the two last terms, as in
    "Sinkhorn loss" elsewhere, fakes shrink towards the middle of the data.

    The plan comes from `iterations` rounds of Sinkhorn's algorithm in the log domain,
    and the gradient is that of the cost under it (the envelope theorem), not of the
    iterations; both are exact once they have converged, for which ε should not be far
    below the typical ‖x - y‖² / iterations.

    Args:
        epsilon: ε > 0, in the units of the squared distance; may be traced.
        iterations: of Sinkhorn's algorithm.
        embed: from a `Score` to `(b, …)`, see `losses.kernels`.

    Raises:
        InputError: if a concrete ε is not positive, or, when the game is built, if a
            batch holds fewer than two examples.

    Reference: Genevay et al. 2018, arXiv:1706.00292; Feydy et al. 2019,
    arXiv:1810.08278.

        >>> from jaxgan import sinkhorn
        >>> list(sinkhorn(epsilon=0.1).terms)
        ['sinkhorn']
    """
    check_positive("sinkhorn: epsilon", epsilon)
    check_positive_int("sinkhorn: iterations", iterations)
    check_function("sinkhorn: embed", embed, "lambda score: score.features")

    def transport(x: Array, y: Array, a: Array, b: Array) -> Float[Array, ""]:
        return _transport(squared_distances(x, y), a, b, epsilon, iterations)

    def evaluate(record: Round, key: jax.Array) -> Payments:
        del key
        x, y, v, w = embedded("sinkhorn", record, embed)
        a, b = v / len(v), w / len(w)
        own = transport(x, x, a, a) + transport(y, y, b, b)
        divergence = transport(x, y, a, b) - own / 2
        return {"discriminator": -divergence, "generator": divergence}

    return stateless(evaluate, "sinkhorn")


def _transport(
    cost: Float[Array, "n m"],
    a: Float[Array, " n"],
    b: Float[Array, " m"],
    epsilon: float | Array,
    iterations: int,
) -> Float[Array, ""]:
    """The dual value ⟨f, a⟩ + ⟨g, b⟩, whose gradient in the cost is the plan."""
    log_a, log_b = jnp.log(a), jnp.log(b)  # -inf where a weight is zero

    def answer(cost: Array, potential: Array, log_mass: Array) -> Array:
        shifted = log_mass[:, None] + (potential[:, None] - cost) / epsilon
        return -epsilon * jax.nn.logsumexp(shifted, axis=0)

    def improve(_: Array, f: Array) -> Array:
        return answer(fixed.T, answer(fixed, f, log_a), log_b)

    fixed = jax.lax.stop_gradient(cost)
    f = jax.lax.fori_loop(0, iterations, improve, jnp.zeros_like(a))
    return f @ a + answer(cost, f, log_a) @ b
