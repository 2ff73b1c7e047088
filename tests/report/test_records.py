"""The README's figures are those of the last recorded run."""

from pathlib import Path

import pytest

from eqconform.report.records import generated, network_rows, read_record
from eqconform.selection import UsageError

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.skipif(not (CHECKOUT / "records").is_dir(), reason="away from the checkout")
def test_the_readme_says_what_was_recorded() -> None:
    """`python -m eqconform.report.records` would change nothing."""
    assert (CHECKOUT / "README.md").read_text(encoding="utf-8") == generated(CHECKOUT)


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


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the record .*models-reference\.json"):
        read_record(tmp_path / "models-reference.json")
