import dataclasses
import itertools
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxgan import (
    InputError,
    Loss,
    Term,
    Variables,
    chain,
    every,
    focus,
    gradient_penalty,
    minimax,
    non_saturating,
    r1,
    r2,
    rename,
    wasserstein,
    weighted,
)
from jaxgan.losses import stateless
from tests.builders import (
    algorithm_of,
    assert_close,
    bits,
    play,
    played,
    random,
    round_with,
    small_game,
    theta,
    tiered,
    unchecked,
)
from tests.losses.catalog import EVERYTHING, ONE_OF_EACH_FAMILY, variables

LOSSES = {
    "non_saturating": non_saturating(),
    "wasserstein": wasserstein(),
    "r1": r1(0.7),
    # Two draw random numbers; one of them comes last by name.
    "gradient_penalty": gradient_penalty(10.0),
    "zigzag": rename(gradient_penalty(10.0), names={"gradient_penalty": "zigzag"}),
}
PAIRS = list(itertools.combinations(LOSSES.values(), 2))
FEW_PAIRS = [(wasserstein(), gradient_penalty(10.0)), (non_saturating(), r1(0.7))]

several = pytest.mark.parametrize("seed", tiered(range(3), [0]))


def round_number(seed, step=0):
    """Create a random round, scored by a random nonlinear critic."""
    w, real, fake = (
        random(seed, 3, 4),
        random(seed + 100, 5, 3),
        random(seed + 200, 5, 3),
    )

    def critic(x):
        return jnp.tanh(x @ w).sum(axis=-1)

    return round_with(critic, real, fake, step=jnp.int32(step))


def counter(name="counter", payer="discriminator", state_owner=None):
    """Create a term that counts its evaluations and charges the count."""

    def evaluate(record, state, key):
        del record, key
        return {payer: state}, state + 1

    return Loss({name: Term(lambda variables: jnp.float32(1), evaluate, state_owner)})


def paid(loss, seed, step=0):
    return play(loss, round_number(seed, step), jax.random.key(seed))


# The laws


@several
def test_chain_is_commutative_bit_for_bit(seed):
    for a, b in PAIRS:
        assert bits(paid(chain(a, b), seed)) == bits(paid(chain(b, a), seed))


@several
def test_chain_is_associative_bit_for_bit(seed):
    a, b, c = wasserstein(), gradient_penalty(3.0), r2(0.3)
    assert bits(paid(chain(chain(a, b), c), seed)) == bits(
        paid(chain(a, chain(b, c)), seed)
    )


@several
def test_the_empty_chain_is_the_identity(seed):
    assert play(chain(), round_number(seed)) == {}
    for loss in LOSSES.values():
        alone = bits(paid(loss, seed))
        assert bits(paid(chain(loss, chain()), seed)) == alone
        assert bits(paid(chain(chain(), loss), seed)) == alone


@several
@pytest.mark.parametrize("name", LOSSES)
def test_a_part_pays_the_same_in_any_company(name, seed):
    together = paid(chain(*LOSSES.values()), seed)
    alone = paid(LOSSES[name], seed)
    assert alone
    for player in alone:
        assert bits(alone[player][name]) == bits(together[player][name])


@several
@pytest.mark.parametrize(("a", "b"), [(2.0, 0.25), (0.3, 1.7), (0.0, 5.0)])
def test_weights_multiply(a, b, seed):
    loss = chain(*LOSSES.values())
    nested, plain = paid(weighted(weighted(loss, by=b), by=a), seed), paid(loss, seed)
    assert_close(nested, paid(weighted(loss, by=a * b), seed))
    assert_close(nested, jax.tree.map(lambda x: a * b * x, plain))


@several
def test_a_weight_may_follow_the_step(seed):
    loss = weighted(non_saturating(), by=lambda step: 0.5 * step)
    for step in (0, 1, 6):
        expected = paid(weighted(non_saturating(), by=0.5 * step), seed)
        assert bits(paid(loss, seed, step)) == bits(expected)


@several
@pytest.mark.parametrize("n", [2, 3])
def test_every_pays_n_times_as_much_and_says_how_seldom(n, seed):
    """Check the factor and the interval; for the dynamics see test_lazy.py."""
    loss = chain(*LOSSES.values())
    full = jax.tree.map(lambda x: n * x, paid(loss, seed))
    assert_close(paid(every(loss, n=n), seed), full)
    assert {term.interval for term in every(loss, n=n).terms.values()} == {n}
    twice = every(every(loss, n=n), n=2)
    assert {term.interval for term in twice.terms.values()} == {2 * n}


@several
def test_every_single_iteration_is_the_loss_itself(seed):
    loss = chain(*LOSSES.values(), counter())
    for step in (0, 1):
        assert bits(paid(every(loss, n=1), seed, step)) == bits(paid(loss, seed, step))


@several
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        lambda loss: weighted(loss, by=1.7),
        lambda loss: every(loss, n=2),
        lambda loss: focus(loss, on=lambda record: record),
        lambda loss: rename(loss, names={"discriminator": "d_x", "r1": "r1_x"}),
    ],
    ids=["weighted", "every", "focus", "rename"],
)
def test_everything_distributes_over_chain(change, step, seed):
    for a, b in FEW_PAIRS:
        whole = paid(change(chain(a, b)), seed, step)
        terms = paid(chain(change(a), change(b)), seed, step)
        assert bits(whole) == bits(terms)


# The laws for every loss, each with a partner that draws random numbers and one that
# does not, under different names.

PARTNERS = (
    rename(gradient_penalty(10.0), names={"gradient_penalty": "a partner"}),
    rename(minimax(), names={"minimax": "partner of both"}),
)


def named(key):
    """Return a loss of the catalog with unique term names."""
    loss = EVERYTHING[key]
    return rename(loss, names={name: f"{key}, {name}" for name in loss.terms})


def paid_by_networks(loss, seed, step=0):
    """Evaluate a loss on a round of two small networks; return losses and state."""
    record = played(theta(seed), random(seed + 20, 4, 3), random(seed + 21, 4, 2))
    record = dataclasses.replace(record, step=jnp.int32(step))
    return loss.evaluate(record, loss.init(variables()), jax.random.key(seed))


# The two left to the slow tests cost as much as all the others.
FIRST = ONE_OF_EACH_FAMILY - {"sinkhorn", "gradient_balanced"}


@pytest.mark.parametrize("seed", tiered([0, 1, 2], [0]))
@pytest.mark.parametrize("key", tiered(EVERYTHING, FIRST))
def test_the_laws_hold_for_every_loss(key, seed):
    a, (b, c) = named(key), PARTNERS
    pay = partial(paid_by_networks, seed=seed)
    together = pay(chain(a, b, c))
    same = [chain(c, b, a), chain(chain(a, b), c), chain(a, chain(b, c), chain())]
    for other in same:
        assert bits(pay(other)) == bits(together)

    alone, state = pay(a)
    assert alone
    for player, terms in alone.items():
        for name, amount in terms.items():
            assert bits(together[0][player][name]) == bits(amount)
    for name in a.terms:
        assert bits(together[1][name]) == bits(state[name])

    half, double = pay(weighted(a, by=0.5)), pay(weighted(weighted(a, by=0.5), by=4.0))
    assert bits(half[0]) == bits(jax.tree.map(lambda x: x / 2, alone))
    assert bits(double[0]) == bits(jax.tree.map(lambda x: x * 2, alone))
    assert bits(half[1]) == bits(double[1]) == bits(state)

    lazy, after = pay(every(a, n=2))
    assert bits(lazy) == bits(jax.tree.map(lambda x: 2 * x, alone))
    assert bits(after) == bits(state)

    for change in (
        partial(weighted, by=0.5),
        partial(focus, on=lambda record: record),
        partial(rename, names={"discriminator": "d_x", "generator": "g_x"}),
    ):
        assert bits(pay(change(chain(a, b)))) == bits(pay(chain(change(a), change(b))))


def test_focus_reads_what_its_lens_shows():
    record = {"forth": round_number(0), "back": round_number(1)}
    loss = chain(wasserstein(), gradient_penalty())
    for name, side in record.items():
        through = play(focus(loss, on=lambda record, name=name: record[name]), record)
        assert bits(through) == bits(play(loss, side))


@pytest.mark.parametrize("n", [0, -1, True, 2.0])
def test_every_needs_a_positive_integer(n):
    message = "every: n must be an integer of at least 1"
    with unchecked(), pytest.raises(InputError, match=message):
        every(r1(1.0), n=n)


# Names


def test_renaming_moves_players_and_parts():
    names = {"discriminator": "d_x", "generator": "g", "minimax": "forth", "no": "one"}
    renamed, plain = paid(rename(minimax(), names=names), 0), paid(minimax(), 0)
    assert renamed == {
        "d_x": {"forth": plain["discriminator"]["minimax"]},
        "g": {"forth": plain["generator"]["minimax"]},
    }


def test_players_renamed_to_one_pay_the_sum():
    both = paid(rename(minimax(), names={"generator": "discriminator"}), 0)
    plain = paid(minimax(), 0)
    expected = plain["generator"]["minimax"] + plain["discriminator"]["minimax"]
    assert both == {"discriminator": {"minimax": expected}}


def test_a_renamed_random_part_draws_other_numbers():
    loss = chain(
        gradient_penalty(), rename(gradient_penalty(), names={"gradient_penalty": "x"})
    )
    drawn = paid(loss, 0)["discriminator"]
    assert sorted(drawn) == ["gradient_penalty", "x"]
    assert drawn["gradient_penalty"] != drawn["x"]


@pytest.mark.parametrize(
    ("state_owner", "expected"),
    [("discriminator", "d_x"), ("other", "other"), (None, None)],
)
def test_renaming_follows_who_advances_a_part(state_owner, expected):
    loss = rename(counter(state_owner=state_owner), names={"discriminator": "d_x"})
    assert loss.terms["counter"].state_owner == expected


@pytest.mark.parametrize(
    "loss",
    [
        chain(non_saturating(), focus(r1(1.0), on=lambda x: x, player="painter")),
        rename(non_saturating(), names={"painter": "generator_x"}),
        chain(non_saturating(), rename(r1(1.0), names={"r2": "r2_x"})),
        rename(focus(non_saturating(), on=id, player="a"), names={"a": "b"}),
    ],
    ids=["focus", "rename a player", "rename a term", "rename what focus names"],
)
def test_a_name_that_nothing_has_is_refused_when_the_game_is_built(loss):
    message = "loss term '.*': focus or rename was given '(painter|generator_x|r2_x|b)'"
    with pytest.raises(InputError, match=message):
        algorithm_of(small_game(loss))


@pytest.mark.parametrize(
    "loss",
    [
        chain(
            *(
                rename(part, names={"r1": "r1_x", "absent": "generator"})
                for part in (non_saturating(), r1(1.0))
            )
        ),
        chain(non_saturating(), focus(r1(1.0), on=lambda x: x, player="generator")),
    ],
    ids=["rename", "focus"],
)
def test_a_name_that_another_part_of_the_loss_has_is_taken(loss):
    algorithm_of(small_game(loss))


@pytest.mark.parametrize(
    "wrap",
    [lambda x: weighted(x, by=2.0), lambda x: every(x, n=2), lambda x: focus(x, on=id)],
    ids=["weighted", "every", "focus"],
)
def test_wrappers_keep_who_advances_a_part(wrap):
    assert (
        wrap(counter(state_owner="generator")).terms["counter"].state_owner
        == "generator"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(r1(1.0), minimax(), r1(2.0)),
        lambda: rename(chain(r1(1.0), r2(1.0)), names={"r2": "r1"}),
    ],
    ids=["chain", "rename"],
)
def test_two_parts_of_one_name_are_refused(make):
    with pytest.raises(InputError, match="two terms of the sum are named 'r1'"):
        make()


# Terms with a state, terms of three lines


def test_a_state_is_passed_from_one_evaluation_to_the_next():
    loss = chain(
        counter("a"), weighted(counter("b", payer="generator"), by=10.0), r1(1.0)
    )
    state = loss.init({})
    for count in (1, 2, 3):
        payments, state = loss.evaluate(round_number(0), state, jax.random.key(0))
        assert payments["discriminator"]["a"] == count
        assert payments["generator"] == {"b": 10 * count}
    assert state == {"a": 4, "b": 4, "r1": ()}


def test_a_state_starts_from_the_variables():
    term = Term(
        lambda variables: variables["x"].stats, lambda record, state, key: ({}, state)
    )
    loss = chain(r1(1.0), weighted(every(Loss({"term": term}), n=3), by=2.0))
    assert loss.init({"x": Variables((), 5)}) == {"term": 5, "r1": ()}


def test_a_function_of_the_round_and_a_key_is_a_loss():
    def drift(record, key):
        return {"critic": record.mean(record.real) + jax.random.normal(key)}

    loss = stateless(drift, name="drift_penalty", state_owner="critic")
    assert loss.terms["drift_penalty"].state_owner == "critic"
    one, other = (play(loss, round_number(0), jax.random.key(i)) for i in range(2))
    assert list(one) == ["critic"] and list(one["critic"]) == ["drift_penalty"]
    assert one != other


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -0.5, "heavy"])
def test_a_weight_must_be_a_finite_number_and_not_negative(weight):
    message = f"weighted: by .* got {weight!r}"
    with unchecked(), pytest.raises(InputError, match=message):
        weighted(r1(1.0), by=weight)


def test_a_weight_may_be_traced():
    plain = paid(wasserstein(), 0)
    weights = jnp.array([0.0, 0.5])
    swept = jax.vmap(lambda weight: paid(weighted(wasserstein(), by=weight), 0))(
        weights
    )
    assert_close(swept, jax.tree.map(lambda x: weights * x, plain))
