"""Examples of every loss and penalty, for the tests and for docs/losses.md.

    python -m tests.losses.catalog > docs/losses.md

writes the table.
"""

import ast
import dataclasses
import inspect
import itertools
import re
from dataclasses import fields

import jax
import jax.numpy as jnp

import jaxgan
from jaxgan import (
    Loss,
    Record,
    focus,
    gradient_penalty,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    r1,
    r2,
    rename,
    wasserstein,
)
from jaxgan.games import DrawnCoding
from jaxgan.losses import (
    Posterior,
    Targets,
    auxiliary_classifier,
    auxiliary_discriminative_classifier,
    boundary_equilibrium,
    cramer,
    divergences,
    energy_based,
    f_divergence,
    feature_matching,
    gaussian,
    gradient_balanced,
    importance_weighted,
    kl_to_prior,
    likeness,
    mmd,
    multi_hinge,
    relativistic,
    relativistic_average,
    sinkhorn,
    squared_error,
    top_k,
    uniform_targets,
)
from jaxgan.penalties import (
    balanced_consistency,
    consistency,
    dragan,
    drift_penalty,
    historical_averaging,
    latent_consistency,
    lecam,
    max_gradient_penalty,
    mode_seeking,
    orthogonal_penalty,
    path_length,
    perturbed_reals,
    pulling_away,
    weight_decay_penalty,
    zero_centered_penalty,
)
from tests.builders import played, random, theta


def turned(key, image):
    """Reverse the last axis of one image at random; a transform of any shape."""
    return jnp.where(jax.random.bernoulli(key), image[..., ::-1], image)


def with_labels(record):
    """Label each example 0 or 1, by a number of it."""
    label = (record.real[:, 0] > 0).astype(jnp.int32)
    return dataclasses.replace(record, condition=(label,))


DIVERGENCES = [
    value
    for value in vars(divergences).values()
    if isinstance(value, divergences.Divergence)
]

ADVERSARIAL = {
    "minimax": minimax(),
    "non_saturating": non_saturating(),
    "hinge": hinge(),
    "least_squares": least_squares(),
    "wasserstein": wasserstein(),
    **{f"f_divergence: {d.name}": f_divergence(d) for d in DIVERGENCES},
    "relativistic": relativistic(non_saturating()),
    "relativistic_average": relativistic_average(hinge()),
    "mmd": mmd(),
    "cramer": cramer(),
    "sinkhorn": sinkhorn(),
    "energy_based": energy_based(1.0),
    "boundary_equilibrium": boundary_equilibrium(),
}

PENALTIES = {
    "gradient_penalty": gradient_penalty(),
    "zero_centered_penalty": zero_centered_penalty(),
    "r1": r1(1.0),
    "r2": r2(1.0),
    "dragan": dragan(),
    "max_gradient_penalty": max_gradient_penalty(),
    "drift_penalty": drift_penalty(),
    "lecam": lecam(),
    "consistency": consistency(turned),
    "balanced_consistency": balanced_consistency(turned),
    "latent_consistency": latent_consistency(),
    "path_length": path_length(),
    "mode_seeking": mode_seeking(),
    "feature_matching": feature_matching(),
    "pulling_away": pulling_away(),
    "orthogonal_penalty": orthogonal_penalty(),
    "weight_decay_penalty": weight_decay_penalty(),
    "historical_averaging": historical_averaging(),
    **{
        name: focus(loss, on=with_labels)
        for name, loss in {
            "auxiliary_classifier": auxiliary_classifier(),
            "auxiliary_discriminative_classifier": (
                auxiliary_discriminative_classifier()
            ),
            "multi_hinge": multi_hinge(),
        }.items()
    },
}

CONDITIONAL = {
    "auxiliary_classifier",
    "auxiliary_discriminative_classifier",
    "multi_hinge",
}
"""Losses of conditional games, in which a real and its fake share a label."""


def coded(record):
    """Take the fakes for codes, and for what is decoded of them."""
    own = {field.name: getattr(record, field.name) for field in fields(Record)}
    posterior = Posterior(record.fake, record.fake / 3)
    return DrawnCoding(
        **own, code=record.fake, decoded=record.fake, posterior=posterior
    )


CODES = {
    name: focus(loss, on=coded)
    for name, loss in {
        "likeness": likeness(weights={"generator": 1.0}),
        "kl_to_prior": kl_to_prior(player="generator"),
        "importance_weighted": importance_weighted(squared_error, player="generator"),
    }.items()
}

VARIATIONS = {
    "targets: smooth": non_saturating(Targets(0.9, 0.1)),
    "targets: random": hinge(
        Targets(uniform_targets(0.7, 1.0), uniform_targets(0.0, 0.3))
    ),
    "least_squares: Pearson": least_squares(-1.0, b=1.0, c=0.0),
    "f_divergence: not saturating": f_divergence(divergences.kl, saturating=False),
    "relativistic: hinge": relativistic(hinge()),
    "relativistic: least squares": relativistic(least_squares()),
    "relativistic_average: logistic": relativistic_average(non_saturating()),
    "mmd: gaussian": mmd(gaussian((1.0, 4.0))),
    "mmd: of features": mmd(embed=lambda score: score.features[0]),
    "gradient_penalty: one-sided": gradient_penalty(one_sided=True),
    "gradient_penalty: around reals": gradient_penalty(points=perturbed_reals(0.1)),
    "top_k": focus(non_saturating(), on=top_k(0.5), player="generator"),
    "gradient_balanced": gradient_balanced(non_saturating(), b=feature_matching()),
    "of another name": rename(r1(1.0), names={"r1": "steepness"}),
}

EVERYTHING = ADVERSARIAL | PENALTIES | CODES | VARIATIONS

ONE_OF_EACH_FAMILY = {
    "non_saturating",  # functions of a logit
    "f_divergence: jensen_shannon",
    "relativistic_average",
    "mmd",  # compares all pairs
    "sinkhorn",
    "boundary_equilibrium",  # has a state
    "gradient_penalty",
    "lecam",
    "consistency",
    "path_length",
    "historical_averaging",
    "auxiliary_classifier",
    "top_k",
    "gradient_balanced",
}
"""Representatives for the fast tests, since compiling every loss takes long."""

PUBLIC = {
    name: value
    for name, value in (vars(jaxgan.losses) | vars(jaxgan.penalties)).items()
    if inspect.isfunction(value)
    and inspect.signature(value).return_annotation is Loss
    and value.__module__ not in ("jaxgan.losses.combine", "jaxgan.losses.pointwise")
}
"""Every public function that creates a loss from a paper."""

HEADER = """\
# Losses and penalties

Every loss of jaxgan: what each player pays, which players it charges, and whether it
has a state. The reference describes the arguments of [losses](reference/losses.md) and
[penalties](reference/penalties.md), and [one table](conventions.md) lists where other
code differs. `python -m tests.losses.catalog > docs/losses.md` writes this page from
the docstrings.

## Combining losses

A loss is a sum of named terms. The functions below take a loss and return a loss.

- `a + b` or `chain(a, b, …)` adds losses: the union of their terms.
- `weighted(loss, by=w)` multiplies by w ≥ 0, a number or a schedule of the iteration.
- `every(loss, n=16)` is lazy regularization: the loss is evaluated every 16 iterations,
  times 16, and costs nothing in the others.
- `focus(loss, on="forth")` applies a loss to one field of a bigger record, or to what a
  function makes of it.
- `rename(loss, names={…})` gives players and terms other names.
- `stateless(function, name="mine")` makes a loss of a function
  `(record, key) -> {player: scalar}`.
"""


def table() -> str:
    """Write docs/losses.md as a string."""
    sections = {
        "Adversarial losses": ADVERSARIAL,
        "Penalties and further terms": PENALTIES,
        "Likeness and codes": CODES,
        "Sums of losses": VARIATIONS,
    }
    sections = {title: rows(examples) for title, examples in sections.items()}
    head = "| name | pays | players charged | state | reference |\n" + "|---" * 5 + "|"
    terms = [
        f"## {title}\n\n{head}\n" + "\n".join(lines)
        for title, lines in sections.items()
    ]
    terms += [divergence_table(), others_table()]
    return "\n\n".join([HEADER.strip(), *terms]) + "\n"


def rows(examples):
    """Write a row for each public loss whose first example is among these, by name."""
    first = {}
    for key in EVERYTHING:
        first.setdefault(key.split(":")[0], key)
    return [
        row(name, PUBLIC[name], examples[key])
        for name, key in sorted(first.items())
        if name in PUBLIC and key in examples
    ]


def others_table():
    """Write the table of functions that are not losses, with their first lines."""
    others = (
        jaxgan.losses.top_k,
        jaxgan.losses.Targets,
        jaxgan.optimizers.clip_weights,
        jaxgan.optimizers.project_orthogonal,
    )
    lines = []
    for other in others:
        text = inspect.getdoc(other)
        first = text.splitlines()[0]
        lines.append(f"| `{other.__name__}` | {first} | {reference_of(text)} |")
    head = "## Beside the losses\n\n| name | is | reference |\n|---|---|---|\n"
    return head + "\n".join(lines)


def escaped(text):
    """Escape a text for a cell of a table."""
    return text.replace("|", "\\|")


def reference_of(text):
    reference = re.search(r"Reference: ((?:.+\n?)+)", text).group(1)
    return " ".join(reference.split()).rstrip(".")


def divergence_table():
    """Write the table of divergences, with the string below each definition."""
    body = ast.parse(inspect.getsource(divergences)).body
    words = {
        record.targets[0].id: text.value.value
        for record, text in itertools.pairwise(body)
        if isinstance(record, ast.Assign) and isinstance(text, ast.Expr)
    }
    rows = [
        f"| `divergences.{d.name}` | {escaped(words[d.name])} |" for d in DIVERGENCES
    ]
    head = "## Divergences, for `f_divergence`\n\n| name | measures |\n|---|---|\n"
    return head + "\n".join(rows)


def row(name, function, example):
    text = inspect.getdoc(function)
    formula = re.search(r"\n\n((?:    .*\n)+)", text).group(1)
    lines = "<br>".join(" ".join(line.split()) for line in formula.splitlines())
    record = played(theta(), random(1, 4, 3), random(2, 4, 2))
    state = example.init(variables())
    paid, _ = jax.eval_shape(example.evaluate, record, state, jax.random.key(0))
    cells = [
        f"`{name}`",
        escaped(lines),
        ", ".join(sorted(paid)),
        "yes" if jax.tree.leaves(state) else "no",
        reference_of(text),
    ]
    return "| " + " | ".join(cells) + " |"


def variables():
    """Return the variables of the two networks of `played`."""
    return {name: jaxgan.Variables(params) for name, params in theta().items()}


if __name__ == "__main__":
    print(table(), end="")
