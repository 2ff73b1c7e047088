"""Result files that are well-formed, and whose lines say what cannot be true together."""

from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.reading import read
from eqconform.registry import digest
from eqconform.results import CaseResult, Header, ResultError, Shard, Writer
from eqconform.sketches import Sketch, Step


def of(folder: Path, header: Header, *cases: CaseResult, conformant: bool = False) -> Path:
    """A whole file of the cases."""
    path = folder / "of.jsonl"
    writer = Writer(path, header)
    for case in cases:
        writer.case(case)
    writer.footer(seconds=1.0, conformant=conformant)
    writer.close()
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clause": "scale.none", "id": "scale.none/one"}, "no clause is called 'scale.none'"),
        ({"level": "MAY"}, "scale.formula is MUST, and not MAY"),
    ],
)
def test_of_the_same_clause_set(
    tmp_path: Path, header: Header, case: CaseResult, change: dict[str, str], message: str
) -> None:
    """A file of this suite's clauses holds no others; one of another set may."""
    changed, one = replace(case, **change), replace(header, planned=1)  # type: ignore[arg-type]
    assert read(of(tmp_path, one, changed)).cases == (changed,)
    with pytest.raises(ResultError, match=message):
        read(of(tmp_path, replace(one, clauses=digest()), changed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": -1e-9}, "'scale.formula/one' has the tolerance -1e-09, which is below 0"),
        ({"tolerance": -inf}, "the tolerance -inf, which is below 0"),
        ({"suite_fault": True}, "a fault of the suite is an 'error', and 'scale.formula/one' is"),
        ({"deviation": 0}, r"'scale.formula/one' is not listed by deviation 'scale.formula \(x\)'"),
        ({"deviation": 1}, "'scale.formula/one' is not listed by deviation 'scale.shape'"),
        ({"deviation": -1}, "no deviation -1 among the header's 2"),
    ],
)
def test_a_case_that_contradicts_itself_or_the_header(
    tmp_path: Path, header: Header, case: CaseResult, change: dict[str, object], message: str
) -> None:
    """Each of them would change a verdict, an exit code or a reason without a word."""
    entries = (Deviation("scale.formula", "r", ("x",)), Deviation("scale.shape", "r"))
    listed = replace(header, planned=1, deviations=Listed("f.toml", entries))
    changed = replace(case, **change)  # type: ignore[arg-type]
    with pytest.raises(ResultError, match=f"line 2: .*{message}"):
        read(of(tmp_path, listed, changed))


def test_a_clause_has_one_level(tmp_path: Path, header: Header, case: CaseResult) -> None:
    """In files of other clause sets, too, of which no level is known."""
    other = replace(case, id="scale.formula/two", level="MAY")
    with pytest.raises(ResultError, match=r"line 3: scale\.formula is MAY, and before it MUST"):
        read(of(tmp_path, header, case, other))


def test_a_deviation_is_from_a_clause_that_there_is(
    tmp_path: Path, header: Header, case: CaseResult
) -> None:
    """In a file of this suite's clauses; another set may have it."""
    listed = Listed("f.toml", (Deviation("scale.none", "r"),))
    one = replace(header, planned=1, deviations=listed)
    assert read(of(tmp_path, one, case)).header.deviations == listed
    with pytest.raises(
        ResultError, match=r"line 1: a deviation is from 'scale\.none', and no clause"
    ):
        read(of(tmp_path, replace(one, clauses=digest()), case))


@pytest.mark.parametrize(
    ("error", "tolerance"), [(1e-6, 1e-6), (0.0, 0.0), (1e300, inf), (nan, 1.0), (1.0, None)]
)
def test_a_case_that_passed_within_its_tolerance(
    tmp_path: Path, header: Header, case: CaseResult, error: float, tolerance: float | None
) -> None:
    """At the bound, without one, and where no number can be compared, a case may have passed."""
    passed = replace(case, status="pass", error=error, tolerance=tolerance)
    path = of(tmp_path, replace(header, planned=1), passed, conformant=True)
    assert read(path).counts["pass"] == 1


@pytest.mark.parametrize("shard", [(0, 0, 2), (3, 2, 2), (1, 10**12, 2), (1, 2, -1)])
def test_a_shard_that_cannot_be(
    tmp_path: Path, header: Header, case: CaseResult, shard: tuple[int, int, int]
) -> None:
    path = of(tmp_path, replace(header, planned=1, shard=Shard(*shard)), case)
    with pytest.raises(ResultError, match=rf"line 1: {shard[0]}/{shard[1]} of .* is no shard"):
        read(path)


@pytest.mark.parametrize(("source", "layer"), [(-1, 0), (1, 0), (7, 0), (0, -1)])
def test_a_sketch_of_no_graph_is_refused(
    tmp_path: Path, header: Header, case: CaseResult, source: int, layer: int
) -> None:
    """A step takes from steps before it."""
    steps = (Step("input", (), None), Step("linear", (source,), layer))
    drawn = replace(case, sketch=Sketch(steps, (), (), cut=False))
    with pytest.raises(ResultError, match="takes from none before it"):
        read(of(tmp_path, replace(header, planned=1), drawn))
