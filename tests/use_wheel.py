"""Trains the README's first GAN with the jaxgan that is installed.

    python -I tests/use_wheel.py README.md

runs outside the repository, in an environment that holds the wheel alone.
"""

import re
import sys
from pathlib import Path

import jax

import jaxgan

if __name__ == "__main__":
    assert Path(jaxgan.__file__).is_relative_to(sys.prefix), jaxgan.__file__
    readme = Path(sys.argv[1]).read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    known: dict = {"__name__": "readme"}
    exec(compile(example, sys.argv[1], "exec"), known)
    state, game, step = known["state"], known["game"], known["step"]
    assert int(state.step) == 100
    for _ in range(600):  # it circles what it comes to
        state, _ = step(state, (known["real"], known["real"]))
    latents = game.prior(jax.random.key(2), 1000, ())
    generator = game.networks["generator"]
    before = generator.init(jax.random.key(3), latents)
    means = [
        float(generator.apply(variables, latents)[0].mean())
        for variables in (before, state.ema["generator"])
    ]
    print(f"reals have mean 3; fakes {means[0]:.2f} before and {means[1]:.2f} after")
    assert abs(means[1] - 3) < 0.5 < abs(means[0] - 3)
