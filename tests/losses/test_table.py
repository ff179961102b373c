from pathlib import Path

from tests.losses.catalog import DIVERGENCES, PUBLIC, row, table

DOCS = Path(__file__).parent.parent.parent / "docs" / "losses.md"


def test_the_table_in_the_docs_is_that_of_the_docstrings():
    assert DOCS.read_text(encoding="utf-8") == table(), (
        "run: python -m tests.losses.catalog > docs/losses.md"
    )


def test_every_loss_has_a_row_of_five_cells():
    rows = [line for line in table().splitlines() if line.startswith("| `")]
    assert len(rows) == len(PUBLIC) + len(DIVERGENCES) + 4
    for line in rows[: len(PUBLIC)]:
        assert line.replace("\\|", "").count("|") == 6
        assert "arXiv:" in line and "pays" in line


def test_a_changed_docstring_changes_the_table(monkeypatch):
    from jaxgan.penalties import drift_penalty
    from tests.losses.catalog import EVERYTHING

    before = row("drift_penalty", drift_penalty, EVERYTHING["drift_penalty"])
    monkeypatch.setattr(
        drift_penalty, "__doc__", drift_penalty.__doc__.replace("ε · E D", "2ε · E D")
    )
    assert row("drift_penalty", drift_penalty, EVERYTHING["drift_penalty"]) != before
