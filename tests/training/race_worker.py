"""Train in directories at the same moments as another process; print how each ended.

    python -m tests.training.race_worker NAME OTHER PLACE ROUNDS

Of each four rounds two begin in an empty directory and two in none, and two give the
processes different configs. In the first half of the rounds, at least four, they meet
just before the run is put in its place, in the others when the command begins.
"""

import contextlib
import io
import json
import sys
import time
from pathlib import Path

from jaxgan.training import loop
from jaxgan.training import run as runs
from tests.command_line import run
from tests.runs import PLANE

put, take_steps = runs._put, loop.take_steps


def main(name, other, place, rounds):
    """Train in as many directories."""
    place = Path(place)
    for number in range(int(rounds)):

        def meet(what, seconds, number=number):
            """Wait until the other process is here too, or cannot come."""
            (place / f"{what}-{number}-{name}").touch()
            end = time.monotonic() + seconds
            while not (place / f"{what}-{number}-{other}").exists():
                if time.monotonic() > end:
                    return
                time.sleep(0.0001)

        def put_at_once(*given, number=number, meet=meet):
            """Put a run in its place when the other does."""
            if number < max(4, int(rounds) // 2):
                meet("put", 5)
            return put(*given)

        def train_until_refused(*given, meet=meet, **options):
            """Train when the other has ended, so that it cannot come too late."""
            meet("ended", 60)
            return take_steps(*given, **options)

        runs._put, loop.take_steps = put_at_once, train_until_refused
        if number % 2:
            (place / str(number)).mkdir(exist_ok=True)
        seed = int(name) if number % 4 > 1 else 0
        command = ["train", PLANE, "--run", place / str(number), "--steps=1"]
        nothing, said = io.StringIO(), io.StringIO()
        meet("begun", 120)
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(nothing):
            status = run(*command, f"--seed={seed}")
        (place / f"ended-{number}-{name}").touch()
        print(json.dumps([status, said.getvalue()]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
