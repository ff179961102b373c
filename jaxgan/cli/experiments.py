"""`jaxgan experiments`."""

import dataclasses
import textwrap

from jaxgan.training.packaged import packaged_experiments, summarize_experiment


@dataclasses.dataclass(frozen=True)
class Experiments:
    """List the experiments that come with jaxgan: paper, cost, expected numbers.

    Example: jaxgan experiments
    """

    def execute(self) -> None:
        """Print a paragraph for each."""
        for name, path in packaged_experiments().items():
            about = summarize_experiment(path)
            print(f"{name}: {about.title}")
            for label in ("paper", "cost", "expect"):
                text = f"{label + ':':8}{getattr(about, label)}"
                print(
                    textwrap.fill(
                        text, 88, initial_indent=" " * 4, subsequent_indent=" " * 12
                    )
                )
            print()
