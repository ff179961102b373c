"""What can be asked for at the command line: a record of options for each command."""

import dataclasses
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from jaxgan.data.readers.decode import Filter, Shape
from jaxgan.data.readers.image_files import Trouble

RUNS = Path("runs")


@dataclasses.dataclass(frozen=True)
class Train:
    """Train an experiment, or resume a run.

    With an experiment's file, each field of its Config is an option too; `jaxgan train
    FILE --help` lists them. The run goes into runs/NAME. The same command again resumes
    a run that was stopped or killed, to the same bits; so does `jaxgan train RUN`.

    The configuration of a run is fixed: more steps are another run.

    Ctrl-C or SIGTERM ends the step, saves, and exits with status 128 + the signal's
    number. Bad input exits with 2, a run that had to stop with 1.
    """

    experiment: Positional[Path]
    """An experiment's Python file, or a run directory."""

    run: Path | None = None
    """Where the run goes; runs/NAME by default."""

    log_every: int = 100
    """Steps between lines of metrics.jsonl."""

    save_every: int = 1000
    """Steps between checkpoints."""

    evaluate_every: int = 1000
    """Steps between scores, where the experiment has an evaluation; 0 for none."""

    tensorboard: bool = False
    """Write the log for TensorBoard too, in RUN/tensorboard."""

    keep: int = 3
    """How many checkpoints to keep, the latest."""

    devices: int | None = None
    """How many devices share each batch; all by default."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Train an experiment over seeds and values of its Config, all in one program.

    Leaves in runs/NAME-sweep a table (mean ± standard error over the seeds), curves,
    every member's measurements (and scores, if the experiment is evaluated), and the
    best member as a run directory, which the other commands take. Each field of the
    Config that is not swept is an option too.
    """

    experiment: Positional[Path]
    """An experiment's Python file."""

    seeds: int = 4
    """How many, from the Config's seed on."""

    grid: tuple[str, ...] = ()
    """NAME=VALUE,VALUE,… for each field to sweep; every combination is a member."""

    out: Path | None = None
    """Where it all goes; runs/NAME-sweep by default."""

    log_every: int = 100
    """Steps between lines of the best run's metrics.jsonl."""

    sequential: bool = False
    """One member after the other: for convolutions, and where memory is short."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """Make an output of a run's networks: a picture and an .npz of the same arrays.

    Outputs are made of latents and, in games that read some, of held-out examples that
    the run has kept. What the experiment declares as inputs, such as --label or
    --image, takes the place of the examples'; `jaxgan sample RUN --help` lists them.
    """

    run: Positional[Path]
    """A run directory."""

    output: str | None = None
    """Which of the game's outputs: samples, reconstructions, …; the first by
    default."""

    count: int | None = None
    """How many; by default 64, or as many as there are images given."""

    seed: int = 0
    """Of the latents and of the choice of examples."""

    best: bool = False
    """Take the checkpoint of the best score instead of the latest."""

    out: Path | None = None
    """Name of the two files without ending; by default RUN/samples/sample-SEED, with
    the output's name in place of `sample` if one is given, and -best if so."""


@dataclasses.dataclass(frozen=True)
class Interpolate:
    """Walk between pairs of latents: two pictures, a row for each pair.

    The straight way (lerp) and the way along the sphere (slerp), which keeps the length
    that normal latents have. Examples stay the same along a row. With --along, one leaf
    of the latents alone moves and all else stays: a traversal. Of a leaf of one-hot
    vectors the columns are its classes.
    """

    run: Positional[Path]
    """A run directory."""

    pairs: int = 8
    """How many pairs, a row each."""

    steps: int = 10
    """Samples on the way, both ends included."""

    output: str | None = None
    """Which of the game's outputs; the first by default."""

    along: str | None = None
    """The leaf of the latents that moves, by name; all by default."""

    seed: int = 0
    """Of the latents."""

    best: bool = False
    """Take the checkpoint of the best score instead of the latest."""

    out: Path | None = None
    """Beginning of the two files' names; by default RUN/samples/interpolate, or
    interpolate-best."""


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Score a run's samples, or anyone's images in two folders.

    Prints every score with its standard error and, where the experiment has some, what
    other real images score. The scores are kept in RUN/evaluations.jsonl with all that
    they depend on: extractor, weights, resizing, reference, numbers of images, seed,
    versions.
    """

    run: Positional[Path | None] = None
    """A run directory."""

    fake: Path | None = None
    """Instead of a run: the folder of images to be scored."""

    real: Path | None = None
    """The folder of real images that --fake is scored against."""

    metrics: tuple[str, ...] = ()
    """Which: by default the experiment's; frechet, frechet_infinity, kid, precision,
    recall, density, coverage, sliced_wasserstein, authenticity, inception_score,
    class_shares, conditional_accuracy, intra_class_frechet, or the experiment's own.
    Authenticity is beside the reference: say --against train."""

    output: str | None = None
    """Which of the game's outputs; the evaluation's by default."""

    samples: int | None = None
    """How many fakes; the experiment's by default, else 10,000, or the whole folder."""

    against: str | None = None
    """A split of the experiment's data; or a folder, with a / in it, as in ./photos."""

    extractor: Literal["own", "inception", "pixels"] = "own"
    """Of the features: the experiment's, Inception-v3, or the pixels themselves."""

    weights: str | None = None
    """Inception's: a file or URL; by default the public ones are downloaded once."""

    sha256: str | None = None
    """What the file's SHA-256 must be, or how it must begin."""

    resizer: Literal["tf1", "clean"] = "tf1"
    """Inception's: TensorFlow 1's bilinear, as published, or clean-fid's bicubic."""

    seed: int = 0
    """Of the latents, and of the choice where not all images of a folder are taken."""

    best: bool = False
    """Take the checkpoint of the best score instead of the latest."""

    out: Path | None = None
    """Where scores of folders are kept: runs/evaluations.jsonl by default."""


@dataclasses.dataclass(frozen=True)
class Compare:
    """Put the scores of several runs side by side: a table, and curves over the steps.

    Scores that were not taken by one protocol are not compared; the message says in
    what they differ.
    """

    runs: Positional[tuple[Path, ...]]
    """Run directories."""

    metrics: tuple[str, ...] = ()
    """Names of scores; by default all but the shares of classes."""

    evaluations: bool = False
    """Those that `jaxgan evaluate` took last, instead of those taken in training."""

    out: Path = RUNS / "compare.png"
    """The curves."""


@dataclasses.dataclass(frozen=True)
class List:
    """List the runs in a directory, with how far each has come."""

    directory: Positional[Path] = RUNS
    """Where the runs are."""


@dataclasses.dataclass(frozen=True)
class Data:
    """Look at data: how many examples, shapes, ranges, class counts, a contact sheet.

    A folder's images are decoded and cached as they would be for training; a TFDS set
    that is not prepared is prepared.
    """

    spec: Positional[str]
    """A folder of images, a .npy or .npz file, or the name of a TFDS data set."""

    split: str = "train"
    """Of a TFDS set."""

    data_dir: Path | None = None
    """Where TFDS sets are prepared; $TFDS_DATA_DIR or ~/tensorflow_datasets."""

    real: str | None = None
    """The feature or array that is the example; `image` of a TFDS set."""

    condition: tuple[str, ...] = ()
    """Features or arrays that go with it; `label` of a TFDS set that has one."""

    size: int | None = None
    """Fit images to squares of so many pixels; 64 for a folder."""

    shape: Shape = "crop"
    """What does not fit a square is cut off, padded or stretched."""

    filter: Filter = "lanczos"
    """Of the resizing."""

    channels: int | None = None
    """1 for gray, 3 for RGB; as the images are by default."""

    background: str = "white"
    """Of transparent images and of padding."""

    by_folder: bool = False
    """The sub-folders are classes."""

    table: Path | None = None
    """A .csv, .tsv or .jsonl file with a row for each image of a folder."""

    file: str | None = None
    """The table's column of the files' names; `file` by default."""

    label: str | None = None
    """The table's column of classes."""

    caption: str | None = None
    """The table's column of captions."""

    corrupt: Trouble = "raise"
    """What to do about images of a folder that cannot be read: stop, or skip them."""

    cache: Path | None = None
    """Where the decoded images of a folder are kept."""

    out: Path | None = None
    """The contact sheet; runs/NAME-data.png by default."""
