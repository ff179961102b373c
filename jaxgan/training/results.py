"""Read and write files of results: what finished runs scored and measured, and how.

A file NAME.json holds the results of one experiment, a run an entry, and beside it
NAME.png shows samples of one of the runs. Both are small, name no place of the machine
and no time of the day, and are the same bytes for the same runs in one order, so they
can be committed. All tables of the pages of results and of scores are made of them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import pydantic

from jaxgan.errors import InputError
from jaxgan.metrics.protocol import Protocol
from jaxgan.training.about import Change, Start
from jaxgan.training.records import read_record, write_whole

Format = Literal["results of jaxgan, 1"]
"""What a file of results says of itself."""

[FORMAT] = get_args(Format)


class Strict(pydantic.BaseModel):
    """A record without fields of other names."""

    model_config = pydantic.ConfigDict(extra="forbid")


class Value(Strict):
    """A score."""

    value: float | None  # None: not finite
    error: float | None = None  # standard error; None: unknown
    metric: str | None = None  # with its parameters; None: not recorded


class ScoreSet(Strict):
    """Scores that were taken together."""

    of: str  # samples, or other reals
    step: int  # of the run; 0 for reals
    seed: int | None  # that the fakes were sampled with; None: not recorded
    protocol: Protocol  # of all; its metric is empty, since each value has its own
    versions: dict[str, str] | None  # None: not recorded
    values: dict[str, Value]


class Entry(Strict):
    """The results of a run; what an old run has not recorded is None."""

    config: dict[str, Any]  # without the folders of paths
    seed: int
    command: str | None  # that trains such a run, but for the seed
    start: Start | None = None  # networks of another run that it began with
    changes: list[Change] = []  # what was not as at first where it was resumed
    steps: int
    seconds: float | None  # of training, compilation and scoring included
    versions: dict[str, str] | None
    code: str | None  # digest of experiment.py and of the modules beside it
    data: str | None  # fingerprint
    cores: int | None
    devices: str | None
    scores: list[ScoreSet] = []
    measured: dict[str, float | None] = {}  # by the experiment, last; None: not finite
    picture: str | None = None  # file beside, of samples after the last step

    @property
    def setting(self) -> str:
        """The config but for the seed, as one string."""
        own = {name: value for name, value in self.config.items() if name != "seed"}
        return json.dumps(own, sort_keys=True)

    @property
    def identity(self) -> tuple[str, int, str]:
        """Setting, seed and circumstances, which the entry that replaces it shares."""
        return self.setting, self.seed, self.circumstances

    @property
    def circumstances(self) -> str:
        """Versions, code, data, devices and start, as one string."""
        names = {"versions", "code", "data", "devices", "start"}
        return self.model_dump_json(include=names)


class Mean(Strict):
    """Means over seeds that were taken before the runs' own scores were rounded."""

    config: dict[str, Any]  # but for the seed
    seeds: list[int]
    values: dict[str, Value]


class Results(Strict):
    """The contents of a file of results."""

    format: Format = FORMAT
    experiment: str
    runs: list[Entry] = []
    means: list[Mean] = []

    def with_entries(self, fresh: Iterable[Entry]) -> "Results":
        """Add entries in place of those of the same identity, and sort all.

        One entry alone keeps a picture: the one that had it, or the first that has.
        """
        fresh = list(fresh)
        entries = {each.identity: each for each in (*self.runs, *fresh)}
        pictured = [each.identity for each in (*self.runs, *fresh) if each.picture]
        runs = [
            each
            if each.identity in pictured[:1]
            else each.model_copy(update={"picture": None})
            for each in sorted(
                entries.values(), key=lambda each: (each.steps, *each.identity)
            )
        ]
        return self.model_copy(update={"runs": runs})


def read_results(path: Path) -> Results:
    """Read a file of results.

    Raises:
        InputError: if it is damaged or of another format.
    """
    return read_record(Results, path)


def write_results(path: Path, results: Results) -> None:
    """Write a file of results, whole or not at all."""
    text = json.dumps(results.model_dump(mode="json"), indent=1, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def results_file(directory: Path, name: str) -> Path:
    """Return the path of the file of results of a name.

    Raises:
        InputError: if the name is not one of a file in the directory.
    """
    if not name or name != Path(name).name or "\\" in name or name.startswith("."):
        raise InputError(
            f"name: {name!r} cannot be that of a file in {directory}; use letters, "
            "digits, - and _, without a slash."
        )
    return directory / f"{name}.json"
