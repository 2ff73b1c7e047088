"""SPEC.md and the README say what the registry says."""

from pathlib import Path

import pytest

from eqconform.registry import clauses, parse
from eqconform.selection import UsageError
from eqconform.spec import count_table, describe_clauses, generated, specification

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.skipif(not (CHECKOUT / "conformance").is_dir(), reason="away from the checkout")
def test_generated_parts_are_current() -> None:
    """`python -m eqconform.spec` would change nothing."""
    for path, text in generated(CHECKOUT).items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name}: run python -m eqconform.spec"
        )


def test_specification_names_every_clause() -> None:
    text = specification()
    assert [name for name in clauses() if f"`{name}`" not in text] == []


def test_count_table_counts() -> None:
    text = (Path(__file__).parent / "suite" / "clauses.toml").read_text()
    table = count_table(parse(text).values()).splitlines()
    assert table[0] == "| claim | MUST | SHOULD | MAY | QUIRK | not judged yet |"
    assert "| observe | 1 |  | 1 |  |  |" in table
    assert "| equalize | 1 | 1 |  |  |  |" in table
    assert table[-1] == "| **all** | 3 | 1 | 1 |  | 1 |"


def test_one_clause_in_full() -> None:
    name, clause = next(iter(clauses().items()))
    text = describe_clauses(name)
    assert clause.text in text
    assert clause.source in text


def test_a_clause_says_which_torch_it_needs() -> None:
    assert "With torch: >=2.2." in describe_clauses("equalize.float16")


def test_unknown_clause() -> None:
    with pytest.raises(UsageError, match="Did you mean scale"):
        describe_clauses("scale.formulae")
