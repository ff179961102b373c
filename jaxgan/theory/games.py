"""Analytically tractable games: bilinear, quadratic, and the Dirac-GAN.

They are ordinary games, so all dynamics apply to them. Each is a local model of the
behavior of larger games. They ignore their batches, except the Dirac-GAN, whose batches
must hold its real data: zeros, `Batch(jnp.zeros((n, 1)))`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array
from numpy.typing import ArrayLike

from jaxgan.errors import InputError, as_finite, check_finite, check_mapping
from jaxgan.games.gan import gan
from jaxgan.types import (
    Calls,
    Game,
    Loss,
    Network,
    PlayerName,
    Term,
    Tree,
    Turn,
    Variables,
    View,
)

Coefficients = Mapping[tuple[PlayerName, PlayerName], ArrayLike]


def bilinear(start: tuple[float, float] = (1.0, 1.0), scale: float = 1.0) -> Game:
    """Make the bilinear game min over x, max over y of scale·xy.

    It is the smallest game whose vector field only rotates. The generator owns x and
    pays scale·xy; the discriminator owns y and pays -scale·xy. The only equilibrium is
    the origin.

    Args:
        start: initial x and y.
        scale: any number.

    Reference: Gidel et al. 2019, arXiv:1802.10551, section 2.

        >>> from jaxgan.theory import bilinear
        >>> dict(bilinear().players)
        {'discriminator': ('y',), 'generator': ('x',)}
    """
    check_finite("bilinear: scale", scale)
    start = _pair("bilinear: start", start)
    return _game_of_points(
        {"discriminator": ("y", start[1:]), "generator": ("x", start[:1])},
        lambda w: {
            "generator": scale * (w["x"] * w["y"]).sum(),
            "discriminator": -scale * (w["x"] * w["y"]).sum(),
        },
    )


def quadratic(
    coefficients: Coefficients, starts: Mapping[PlayerName, Sequence[float]]
) -> Game:
    """Make a game of quadratic costs, whose vector field is linear.

        player p pays ½ wₚᵀ Aₚₚ wₚ + Σ_q≠p wₚᵀ Aₚq w_q,  so its gradient is Σ_q Aₚq w_q

    where Aₚₚ is symmetrized. The matrix of all blocks is the Jacobian of the game's
    field. So every linear field is possible, with any number of players: rotation,
    attraction, or mixtures of both.

    Args:
        coefficients: Aₚq, of shape (size of p, size of q), by (p, q); missing blocks
            are zero.
        starts: each player's initial point.

    Raises:
        InputError: if a player is not in `starts` or a block has another shape.

        >>> from jaxgan.theory import quadratic
        >>> game = quadratic(
        ...     {("a", "b"): [[1.0]], ("b", "a"): [[-1.0]], ("a", "a"): [[0.5]]},
        ...     {"a": [1.0], "b": [1.0]},
        ... )
        >>> sorted(game.networks)
        ['a', 'b']
    """
    check_mapping("quadratic: coefficients", coefficients, '{("a", "b"): [[1.0]]}')
    check_mapping("quadratic: starts", starts, '{"a": [1.0]}')
    starts = {
        p: as_finite(f"quadratic: starts[{p!r}]", at, 1).tolist()
        for p, at in starts.items()
    }
    if not starts:
        raise InputError("quadratic: starts has no players; give each its point.")
    blocks = {}
    for pair, block in coefficients.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(
                f"quadratic: coefficients must be by pairs of players, got {pair!r}."
            )
        blocks[pair] = as_finite(f"quadratic: coefficients[{pair}]", block).astype(
            float
        )
    for pair, block in blocks.items():
        unknown = sorted(set(pair) - set(starts))
        if unknown:
            raise InputError(
                f"quadratic: coefficients name the players {unknown}, for whom starts "
                "has no point."
            )
        wanted = tuple(len(starts[player]) for player in pair)
        if block.shape != wanted:
            raise InputError(
                f"quadratic: coefficients[{pair}] must be of shape {wanted}, "
                f"got {block.shape}."
            )

    def pay(w: Mapping[str, Array]) -> dict[PlayerName, Array]:
        losses = {player: jnp.zeros((), w[player].dtype) for player in starts}
        for (p, q), block in blocks.items():
            matrix = jnp.asarray((block + block.T) / 4 if p == q else block, w[p].dtype)
            losses[p] += w[p] @ (matrix @ w[q])
        return losses

    return _game_of_points({name: (name, at) for name, at in starts.items()}, pay)


def dirac_gan(
    loss: Loss, start: tuple[float, float] = (1.0, 1.0), view: View = View()
) -> Game:
    """Make the Dirac-GAN: one fake point θ, one real point 0, and D(x) = ψx.

    It is a complete `gan`: it takes any loss, penalty and view, and its batches hold
    the real points. The equilibrium is θ = ψ = 0. There the field of the minimax loss
    has the eigenvalues ±i/2, so training does not converge locally. With R1 they are
    -γ/2 ± √(γ²/4 - 1/4).

    Args:
        loss: any loss of a `gan`.
        start: initial θ and ψ.
        view: of the discriminator; instance noise, for instance.

    Reference: Mescheder et al. 2018, arXiv:1801.04406, sections 2 and 3; its
    discriminator is large for fakes, so its ψ is -ψ here.

        >>> from jaxgan import chain, minimax, r1
        >>> from jaxgan.theory import dirac_gan
        >>> game = dirac_gan(chain(minimax(), r1(1.0)))
    """
    theta, psi = _pair("dirac_gan: start", start)

    def generate(
        variables: Variables, latent: Array, **_: object
    ) -> tuple[Array, Tree]:
        fake = jnp.broadcast_to(variables.params, (latent.shape[0], 1))
        return fake, variables.stats

    def discriminate(variables: Variables, x: Array, **_: object) -> tuple[Array, Tree]:
        return (x * variables.params[None])[:, 0], variables.stats

    def prior(key: Array, n: int, condition: tuple[Tree, ...]) -> Array:
        return jnp.zeros((n, 1))

    generator, discriminator = _point((theta,), generate), _point((psi,), discriminate)
    return gan(generator, discriminator, loss, prior, view=view)


def _pair(name: str, start: Sequence[float]) -> tuple[float, float]:
    """Convert a start to two numbers.

    Raises:
        InputError: if it is not two finite numbers.
    """
    numbers = as_finite(name, start, 1)
    if len(numbers) != 2:
        raise InputError(f"{name} must be two numbers, got {start!r}.")
    return float(numbers[0]), float(numbers[1])


def _return_params(variables: Variables, **_: object) -> tuple[Array, Tree]:
    """Apply a network without inputs, whose output is its parameters."""
    return variables.params, variables.stats


def _point(
    start: Sequence[float], apply: Callable[..., Any] = _return_params
) -> Network:
    """Make a network whose parameters are one vector."""

    def init(key: Array, *inputs: Tree) -> Variables:
        return Variables(jnp.asarray(start, jnp.result_type(float)))

    return Network(init, apply)


def _game_of_points(
    points: Mapping[PlayerName, tuple[str, Sequence[float]]],
    pay: Callable[[Mapping[str, Array]], dict[PlayerName, Array]],
) -> Game:
    """Make a game without data: each player owns a point and pays a function of all."""
    networks = {name: _point(start) for name, start in points.values()}

    def prior(key: Array, n: int, condition: tuple[Tree, ...]) -> Array:
        return jnp.zeros((n, 0))

    def play(call: Calls, turn: Turn) -> tuple:
        points = {name: call[name]()[0] for name in networks}
        return points, {name: () for name in networks}, {}

    def evaluate(record: Mapping[str, Array], state: Tree, key: Array) -> tuple:
        return pay(record), state

    return Game(
        networks=networks,
        players={player: (name,) for player, (name, _) in points.items()},
        prior=prior,
        play=play,
        loss=Loss({"cost": Term(lambda variables: (), evaluate)}),
    )
