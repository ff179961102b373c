import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import Info
from jaxgan.reporting.report import (
    as_columns,
    charged_names,
    flatten,
    pack,
    unpack,
)

FLAT = {
    "discriminator/non_saturating": 1.5,
    "discriminator/r1": 2.5,
    "discriminator/gradient": 1.5,
    "discriminator/accuracy": 1.5,
    "generator/non_saturating": 2.5,
    "generator/gradient": 2.5,
}


@pytest.fixture
def info():
    one, two = jnp.float32(1.5), jnp.float32(2.5)
    return Info(
        losses={
            "discriminator": {"non_saturating": one, "r1": two},
            "generator": {"non_saturating": two},
        },
        gradient_norms={"discriminator": one, "generator": two},
        diagnostics={"discriminator": {"accuracy": one}, "generator": {}},
    )


def test_a_report_is_one_array_of_all_that_a_step_tells(info):
    report = pack(info)
    assert report.values.shape == (6,) and report.values.dtype == jnp.float32
    back = unpack(report)
    assert flatten(back) == flatten(info) == FLAT
    assert jax.tree.structure(back) == jax.tree.structure(info)


def test_reports_of_steps_become_columns(info):
    one = pack(info)
    columns = as_columns([one, one])
    assert {name: values.tolist() for name, values in columns.items()} == {
        name: [value, value] for name, value in FLAT.items()
    }
    assert all(values.dtype == np.float64 for values in columns.values())
    later = jax.tree.map(lambda x: x + 1, info)
    stacked = pack(jax.tree.map(lambda *x: jnp.stack(x), info, later, later))
    columns = as_columns([one, stacked])
    assert columns["generator/gradient"].tolist() == [2.5, 2.5, 3.5, 3.5]
    members = as_columns([stacked, stacked], members=True)
    assert members["discriminator/r1"].tolist() == [[2.5, 3.5, 3.5]] * 2


def test_a_report_is_as_wide_as_its_widest_number(info):
    narrow = jax.tree.map(lambda x: x.astype(jnp.bfloat16), info)
    assert pack(narrow).values.dtype == jnp.float32
    with jax.enable_x64(True):
        third = jnp.float64(1) / 3
        mixed = info._replace(gradient_norms=info.gradient_norms | {"generator": third})
        columns = as_columns([pack(mixed)])
        assert columns["generator/gradient"].tolist() == [1 / 3]


def test_a_scan_reports_as_each_of_its_steps(info):
    def step(number, _):
        return number + 1, pack(jax.tree.map(lambda x: x + number, info))

    _, report = jax.lax.scan(step, jnp.float32(0), length=3)
    assert as_columns([report])["discriminator/r1"].tolist() == [2.5, 3.5, 4.5]


def test_the_names_of_what_is_charged(info):
    assert charged_names(pack(info)) == [
        "discriminator/non_saturating",
        "discriminator/r1",
        "discriminator/gradient",
        "generator/non_saturating",
        "generator/gradient",
    ]
