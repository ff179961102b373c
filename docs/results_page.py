"""Write docs/results.md: a section for each file in docs/results, of these alone.

Command: python docs/results_page.py > docs/results.md
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from jaxgan.metrics import Protocol
from jaxgan.reporting import mean_and_error, with_error
from jaxgan.training.results import Entry, Results, ScoreSet, Value, read_results

DOCS = Path(__file__).parent
SHARE = "share_of_"
"""How the names of shares of classes begin."""

Row = tuple[str, Mapping[str, str]]
"""A row's label, and its cells by column."""

Run = tuple[str, Entry, Mapping[str, Value]]
"""A run's label, its entry, and some of its values."""

TOP = """# Results

What experiments scored and measured, each run an entry of a file in `docs/results`.
`jaxgan record RUN …` adds runs to these files, and `make docs` makes this page of them
alone. After ± is the standard error: for a run, over its samples and the reals; for a
mean, over runs that differ only in seed. Minutes are those of the clock, whatever else
the machine did.
"""


def results_page(files: Mapping[str, Results]) -> str:
    """Write a section for each file, by its name."""
    return "\n".join([TOP, *(section(name, files[name]) for name in sorted(files))])


def section(name: str, results: Results) -> str:
    """Write a file's picture, tables, budgets, versions and commands."""
    parts = [f"## {name}"]
    for each in results.runs:
        if each.picture:
            text = f"{label(results, each)}, after {each.steps:,} steps"
            parts += [f"![Samples](results/{each.picture})", f"Samples of {text}."]
    numbers = {
        each.identity: {n: Value(value=x) for n, x in each.measured.items()}
        for each in results.runs
    }
    measured = [
        (label(results, each), each, numbers[each.identity])
        for each in results.runs
        if each.measured
    ]
    if measured:
        parts.append("Measured by the experiment after the last step:")
        parts += tables(results, measured)
    for how in dict.fromkeys(protocol(each) for _, each in taken(results) if each.step):
        parts += scored(results, how)
    return "\n\n".join([*parts, *about(results)]) + "\n"


def taken(results: Results) -> list[tuple[Entry, ScoreSet]]:
    """List the scores of all runs."""
    return [(entry, each) for entry in results.runs for each in entry.scores]


def protocol(scores: ScoreSet) -> Protocol:
    """Return what other reals share with samples that were scored beside them."""
    return dataclasses.replace(scores.protocol, fakes=0, examples="")


def agrees(scores: ScoreSet, how: Protocol) -> bool:
    """Return True for scores of a protocol; reals are scored for any output."""
    found = protocol(scores)
    is_real = scores.step == 0
    return (dataclasses.replace(found, output=how.output) if is_real else found) == how


def scored(results: Results, how: Protocol) -> list[str]:
    """Write the tables of the scores of one protocol, other reals at the end."""
    own = [(entry, each) for entry, each in taken(results) if agrees(each, how)]
    reals = [row for _, each in own for row in reals_row(each)]
    weights = f", weights {how.weights[:12]}" if how.weights else ""
    parts = []
    for count in dict.fromkeys(each.protocol.fakes for _, each in own if each.step):
        parts.append(
            f"{count:,} {how.output} of {how.images} against {how.reals:,} of "
            f"{how.reference}, by {how.extractor} (resizing: {how.resizer}{weights}):"
        )
        same = [(e, s) for e, s in own if s.step and s.protocol.fakes == count]
        runs = [
            (label(results, entry), entry, each.values)
            for entry, each in same
            if not sampled(entry, each)
        ]
        others = [
            (label(results, entry) + sampled(entry, each), cells(each.values))
            for entry, each in same
            if sampled(entry, each)
        ]
        parts += tables(results, runs, [*others, *reals])
    return parts


def sampled(entry: Entry, scores: ScoreSet) -> str:
    """Say what the fakes were sampled with, where that is not the run's own seed."""
    own = scores.seed in (None, entry.seed)
    return "" if own else f", sampled with seed {scores.seed}"


def reals_row(scores: ScoreSet) -> list[Row]:
    """Return the row of other reals, if these are the scores of some."""
    if scores.step:
        return []
    return [(f"{scores.protocol.fakes:,} other reals", cells(scores.values))]


def tables(
    results: Results, runs: Sequence[Run], extra: Sequence[Row] = ()
) -> list[str]:
    """Write a table of runs and of means over seeds, and one of shares of classes."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run[1].setting + run[1].circumstances, []).append(run)
    rows: list[Row] = []
    for own in groups.values():
        rows += [(name, cells(values)) for name, _, values in own]
        seeds = {entry.seed for _, entry, _ in own}
        if 1 < len(seeds) == len(own):
            name = label(results, own[0][1], "mean")
            rows.append((name, means(results, own)))
    rows += dict(extra).items()
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    plain = [name for name in names if not name.startswith(SHARE)]
    shares = [name for name in names if name.startswith(SHARE)]
    made = [table(rows, plain)] if plain else []
    return made + (["Shares of the classes in %:", table(rows, shares)] * bool(shares))


def table(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """Write a table of the rows that have one of the columns."""
    heads = [name.removeprefix(SHARE) for name in columns]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (1 + len(columns)) + "|"]
    for name, row in rows:
        if any(column in row for column in columns):
            line = [name, *(row.get(column, "") for column in columns)]
            lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def cells(values: Mapping[str, Value]) -> dict[str, str]:
    """Format values with their errors; shares in percent, without."""
    return {
        name: f"{100 * number(x.value):.1f}"
        if name.startswith(SHARE)
        else with_error(number(x.value), number(x.error))
        for name, x in values.items()
    }


def number(value: float | None) -> float:
    """Return a number, NaN for one that is not known or not finite."""
    return math.nan if value is None else value


def means(results: Results, runs: Sequence[Run]) -> dict[str, str]:
    """Average over runs, or take the means that were recorded of the same ones."""
    entry, seeds = runs[0][1], [each.seed for _, each, _ in runs]
    names = [name for name in runs[0][2] if not name.startswith(SHARE)]
    for each in results.means:
        same = json.dumps(each.config, sort_keys=True) == entry.setting
        if same and each.seeds == seeds:
            return cells({name: each.values[name] for name in names})
    return {
        name: mean_and_error([number(values[name].value) for _, _, values in runs])
        for name in names
        if all(name in values for _, _, values in runs)
    }


def label(results: Results, entry: Entry, which: str | None = None) -> str:
    """Name a run by what differs in the file of its config, and by its seed.

    Where others have the same config and seed, also by what else differs.
    """
    configs = [each.config for each in results.runs]
    differing = [
        name
        for name in dict.fromkeys(name for config in configs for name in config)
        if name != "seed" and any(c.get(name) != configs[0].get(name) for c in configs)
    ]
    words = [f"{name} {entry.config.get(name, 'not recorded')}" for name in differing]
    alike = [
        each
        for each in results.runs
        if (each.setting, each.seed) == (entry.setting, entry.seed)
    ]
    return ", ".join([*words, which or f"seed {entry.seed}", *apart(entry, alike)])


def apart(entry: Entry, others: Sequence[Entry]) -> list[str]:
    """Say in what versions, devices, code or data a run differs from others."""
    own = entry.versions or {}
    words = [
        f"{name} {version}"
        for name, version in own.items()
        if any((each.versions or {}).get(name) != version for each in others)
    ]
    if any(each.devices != entry.devices for each in others):
        words.append(entry.devices or "a device not recorded")
    for name in ("code", "data"):
        digest = getattr(entry, name)
        if any(getattr(each, name) != digest for each in others):
            words.append(f"{name} {(digest or 'not recorded')[:12]}")
    return words


def about(results: Results) -> list[str]:
    """Say how long the runs trained, on what, of which versions, by which command."""
    runs = results.runs
    lines = [
        f"- Budget: {steps:,} steps; {trained(own)}"
        for steps in dict.fromkeys(each.steps for each in runs)
        for own in [[each for each in runs if each.steps == steps]]
    ]
    for text in dict.fromkeys(map(versions, runs)):
        lines.append(f"- Versions: {text}")
    for each in runs:
        for change in each.changes:
            told = f"{label(results, each)}, from step {change.step:,} on"
            lines.append(f"- Resumed: {told}: {' '.join(change.said)}")
    commands = [each.command for each in runs if each.command]
    parts = ["\n".join(lines)]
    for command in dict.fromkeys(commands):
        seeds = [each.seed for each in runs if each.command == command]
        has_seed = any("seed" in each.config for each in runs)
        option = f" --seed N`, N = {', '.join(map(str, seeds))}" if has_seed else "`"
        parts[0] += f"\n- Command: `{command}{option}"
    return parts


def trained(runs: Sequence[Entry]) -> str:
    """Say how long runs have trained, and where."""
    known = sorted(each.seconds for each in runs if each.seconds is not None)
    places = dict.fromkeys(
        f"{each.devices or 'a device not recorded'}"
        + (f", {each.cores} core{'s' * (each.cores > 1)}" if each.cores else "")
        for each in runs
    )
    ends = dict.fromkeys(f"{seconds / 60:.1f}" for seconds in known[:1] + known[-1:])
    time = f"{' to '.join(ends)} minutes" if known else "time not recorded"
    return f"{time} on {' and '.join(places)}"


def versions(entry: Entry) -> str:
    """List the versions of an entry."""
    known = entry.versions or {}
    return ", ".join(f"{n} {v}" for n, v in known.items()) or "not recorded"


def read_all(directory: Path = DOCS / "results") -> dict[str, Results]:
    """Read all files of results, by name."""
    return {path.stem: read_results(path) for path in sorted(directory.glob("*.json"))}


if __name__ == "__main__":
    print(results_page(read_all()), end="")
