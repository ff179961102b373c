"""`jaxgan new`."""

import dataclasses
import difflib
import shutil
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxgan.errors import InputError
from jaxgan.training.local_modules import modules_of
from jaxgan.training.packaged import packaged_experiments


@dataclasses.dataclass(frozen=True)
class New:
    """Copy a packaged experiment, to be changed.

    Example: jaxgan new mine.py --like digits
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """The file to be made."""

    like: Annotated[str, arg(metavar="NAME")]
    """The packaged experiment, by name; `jaxgan experiments` lists them."""

    def execute(self) -> None:
        """Make the file."""
        packaged = packaged_experiments()
        source = packaged.get(self.like, Path(self.like))
        if not source.is_file():
            near = difflib.get_close_matches(self.like, packaged, cutoff=0.5)
            hint = f"there are {', '.join(packaged)}."
            if near:
                hint = f"did you mean {' or '.join(near)}?"
            raise InputError(f"--like: there is no experiment {self.like!r}; {hint}")
        if self.file.suffix != ".py":
            raise InputError(f"file: {self.file} must end in .py.")
        if self.file.exists():
            raise InputError(f"file: {self.file} exists already; choose another name.")
        modules = {
            self.file.parent / relative: source.parent / relative
            for relative in modules_of(source.parent, source).values()
        }
        for copy, original in modules.items():
            same = copy.exists() and copy.read_bytes() == original.read_bytes()
            if copy == self.file or (copy.exists() and not same):
                raise InputError(
                    f"file: {self.like} imports {copy.name}, and {self.file.parent} "
                    "has another file of that name; choose another name or folder."
                )
        for copy, original in {self.file: source, **modules}.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
        beside = ", beside it what it imports," if modules else ""
        print(
            f"{self.file} is a copy of {self.like};{beside} train it with: "
            f"jaxgan train {self.file}"
        )
