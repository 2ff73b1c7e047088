"""The README's figures are those of the last recorded run."""

from pathlib import Path

import pytest

from eqconform.reading import read
from eqconform.registry import clauses
from eqconform.report.records import accuracy_rows, generated, network_rows, read_record
from eqconform.selection import UsageError

CHECKOUT = Path(__file__).parents[2]
in_checkout = pytest.mark.skipif(
    not (CHECKOUT / "records").is_dir(), reason="away from the checkout"
)


@in_checkout
def test_the_readme_says_what_was_recorded() -> None:
    """`python -m eqconform.report.records` would change nothing."""
    assert (CHECKOUT / "README.md").read_text(encoding="utf-8") == generated(CHECKOUT)


@in_checkout
@pytest.mark.parametrize("name", ["reference", "torch_ao"])
def test_what_was_recorded_met_the_clauses_of_today(name: str) -> None:
    """Or the README counts other clauses above than below: `tox run -e records` records anew."""
    run = read(CHECKOUT / "records" / f"{name}.jsonl")
    met = {case.clause for case in run.cases} | set(run.header.not_claimed)
    assert met == {clause.id for clause in clauses().values() if clause.excluded is None}


@pytest.mark.parametrize(
    ("error", "message", "expected"),
    [
        (3.2e-7, "", "3e-07"),
        (0.4, "", "**wrong**: 0.4 times the largest output"),
        (12_987.0, "", "**wrong**: 13,000 times the largest output"),
        (float("nan"), "", "**wrong**: nan times the largest output"),
        (None, "RuntimeError: shapes 3 and 4: no", "raises RuntimeError"),
    ],
)
def test_a_figure_in_words(error: float | None, message: str, expected: str) -> None:
    figure = {"name": "net", "error": error, "allowed": 1e-5, "message": message}
    record = {"implementation": {"name": "mine", "version": "1"}, "networks": [figure]}
    assert network_rows([record]).splitlines()[2:] == [f"| net | {expected} |"]


def test_accuracies_are_means_over_the_seeds() -> None:
    figures = [
        {"seed": seed, "model": model, "accuracy": accuracy, "sqnr": ratio}
        for seed, model, accuracy, ratio in [
            (0, "float", 0.9, None),
            (0, "int8 with equalization", 0.8, 30.0),
            (1, "float", 0.95, None),
            (1, "int8 with equalization", 0.82, "inf"),
        ]
    ]
    versions = {"torch": "2.15.0", "scikit-learn": "1.9"}
    record = {"implementation": {"name": "mine"}, "versions": versions, "figures": figures}
    rows = accuracy_rows([record, record]).splitlines()
    assert rows[2:4] == [
        "| float | 92.50% |  |",
        "| int8 with equalization, `mine` | 81.00% | inf dB (30.0 to inf) |",
    ]
    assert len(rows) == 2 + 3 + 2


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the record .*models-reference\.json"):
        read_record(tmp_path / "models-reference.json")
