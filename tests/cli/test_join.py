"""Processes that cannot be connected end in one sentence, without a hang."""

import os
import time

import jax
import pytest

from jaxgan.cli import join as joining
from jaxgan.errors import InputError


@pytest.mark.parametrize(
    "error", [IndexError("list index out of range"), KeyError(), RuntimeError("")]
)
def test_an_environment_that_jax_cannot_read_is_a_sentence(monkeypatch, error):
    def initialize(**options):
        raise error

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(InputError, match="no TPU pod, SLURM or Open MPI is found"):
        joining.join("auto", None, None)
    with pytest.raises(InputError, match=r"--coordinator localhost:9: .* is free"):
        joining.join("localhost:9", 2, 0)


def test_a_coordinator_that_is_not_there_is_not_awaited_for_ever(monkeypatch, capsys):
    left = []
    monkeypatch.setattr(joining, "PATIENCE", 0.1)
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(jax.distributed, "initialize", lambda **_: time.sleep(1))
    joining.join("localhost:9", 2, 1)
    assert left == [2]
    said = capsys.readouterr().err
    assert said.startswith("jaxgan: the processes have not all come to localhost:9 ")
