"""Sinkhorn divergence: entropy-regularized optimal transport between batches."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.errors import check_function, check_positive, check_positive_int
from jaxgan.losses.combine import stateless
from jaxgan.losses.kernels import Embedding, embed_batches, logit
from jaxgan.losses.reductions import squared_distances
from jaxgan.types import Loss, Losses, Round


def sinkhorn(
    epsilon: float | Array = 1.0, *, iterations: int = 100, embed: Embedding = logit
) -> Loss:
    """Create the Sinkhorn divergence loss, with squared Euclidean cost.

        OT(P, Q) = min over plans π of E_π ‖x - y‖² + ε KL(π ‖ P⊗Q)
        S = OT(P, Q) - ½ OT(P, P) - ½ OT(Q, Q)
        discriminator pays -S,  generator pays S

    x and y are embedded examples. As ε → 0, S tends to the squared Wasserstein-2
    distance of the two batches; as ε → ∞, to the squared distance of their means.
    Without the last two terms, as in other definitions of "Sinkhorn loss", fakes shrink
    towards the middle of the data.

    geomloss takes half the squared distance as the cost: S is twice its
    `SamplesLoss("sinkhorn", p=2, blur=√(ε/2))`.

    The plan is computed by Sinkhorn's algorithm in the log domain. The gradient is that
    of the cost under the plan (the envelope theorem); it does not differentiate the
    iterations. Both are exact after convergence, which needs an ε not far below the
    typical ‖x - y‖² / iterations.

    Args:
        epsilon: ε > 0, in the units of the squared distance; may be traced.
        iterations: number of iterations of Sinkhorn's algorithm.
        embed: embedding, from a `Score` to `(b, …)`, see `losses.kernels`.

    Raises:
        InputError: if a concrete ε is not positive, or, when the game is built, if a
            batch holds fewer than two examples.

    Reference: Genevay et al. 2018, arXiv:1706.00292; Feydy et al. 2019,
    arXiv:1810.08278.

        >>> from jaxgan.losses import sinkhorn
        >>> list(sinkhorn(epsilon=0.1).terms)
        ['sinkhorn']
    """
    check_positive("sinkhorn: epsilon", epsilon)
    check_positive_int("sinkhorn: iterations", iterations)
    check_function("sinkhorn: embed", embed, "lambda score: score.features")

    def transport(x: Array, y: Array, a: Array, b: Array) -> Float[Array, ""]:
        return _transport_cost(squared_distances(x, y), a, b, epsilon, iterations)

    def evaluate(record: Round, key: jax.Array) -> Losses:
        del key
        x, y, v, w = embed_batches("sinkhorn", record, embed)
        a, b = v / len(v), w / len(w)
        own = transport(x, x, a, a) + transport(y, y, b, b)
        divergence = transport(x, y, a, b) - own / 2
        return {"discriminator": -divergence, "generator": divergence}

    return stateless(evaluate, name="sinkhorn")


def _transport_cost(
    cost: Float[Array, "n m"],
    a: Float[Array, " n"],
    b: Float[Array, " m"],
    epsilon: float | Array,
    iterations: int,
) -> Float[Array, ""]:
    """Compute the dual value ⟨f, a⟩ + ⟨g, b⟩; its gradient in the cost is the plan."""
    log_a, log_b = jnp.log(a), jnp.log(b)  # -inf where a weight is zero

    def update_potential(cost: Array, potential: Array, log_mass: Array) -> Array:
        exponents = log_mass[:, None] + (potential[:, None] - cost) / epsilon
        return -epsilon * jax.nn.logsumexp(exponents, axis=0)

    def iterate(_: Array, f: Array) -> Array:
        return update_potential(
            constant_cost.T, update_potential(constant_cost, f, log_a), log_b
        )

    constant_cost = jax.lax.stop_gradient(cost)
    f = jax.lax.fori_loop(0, iterations, iterate, jnp.zeros_like(a))
    return f @ a + update_potential(cost, f, log_a) @ b
