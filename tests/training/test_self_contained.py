"""A run is enough for all but training on: its data and modules may be gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_a_run_is_sampled_elsewhere_without_its_data_and_modules(tmp_path):
    """In fresh processes, from other folders, with a path that was relative."""
    home, away = tmp_path / "home", tmp_path / "away"
    (home / "images").mkdir(parents=True)
    away.mkdir()
    for number in range(20):
        image = Image.new("RGB", (9, 9), (12 * number, 9, 200))
        image.save(home / f"images/{number}.png")
    text = (ROOT / "experiments" / "folder.py").read_text()
    schedule = "optax.cosine_decay_schedule(config.learning_rate, config.steps)"
    assert schedule in text
    text = text.replace(schedule, "config.learning_rate")
    text = text.replace("plot=by_class,", "evaluation=in_pixels(config),")
    (home / "mine.py").write_text(text + "\nfrom beside import WORD\n")
    (home / "beside.py").write_text("WORD = 'here'\n")

    own = {"PYTHONPATH": str(ROOT), "JAXGAN_CACHE": str(home / "cache")}

    def jaxgan(folder, *words):
        done = subprocess.run(
            [sys.executable, "-m", "jaxgan", *words],
            cwd=folder,
            env=os.environ | own,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    small = ("--size=8", "--width=4", "--batch-size=8", "--steps=2", "--no-augment")
    code, said = jaxgan(home, "train", "mine.py", "--path=images", *small)
    assert code == 0, said
    (home / "runs" / "mine").rename(away / "mine")
    home.rename(tmp_path / "gone")
    for words in (("sample", "mine"), ("interpolate", "mine"), ("evaluate", "mine")):
        code, said = jaxgan(away, *words)
        assert code == 0 and "warning" not in said, said
    assert (away / "mine" / "samples" / "sample-0.png").exists()
    with (away / "mine" / "experiment.py").open("a") as file:
        file.write("# edited\n")
    code, said = jaxgan(away, "sample", "mine")
    assert code == 0 and "a module of this run was edited since it began" in said, said
    code, said = jaxgan(away, "train", "mine", "--steps=3")
    assert code == 2 and str(home / "images") in said, said
