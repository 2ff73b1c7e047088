"""Whatever a result file holds: it is refused in words, or every report can be drawn of it."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from eqconform.reading import read
from eqconform.report.badge import badge
from eqconform.report.comparison import compare
from eqconform.report.comparison_text import print_comparison
from eqconform.report.junit import junit
from eqconform.report.markdown import markdown
from eqconform.report.site.writing import site_pages
from eqconform.report.table import closing_line, print_run
from eqconform.results import ResultError, Run

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
_LIKELY = st.sampled_from([-1, 0, 1, 2, 10**30, -0.5, 1e308, "", "x", "inf", "nan", [], {}])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, by the keys that lead there."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, each in items:
        yield from places(each, (*path, key))


def changed(lines: list[Any], path: tuple[Any, ...], value: Any) -> list[Any]:
    """The lines with another value at a place, which is not their list itself."""
    result = copy.deepcopy(lines)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def draw_everything(run: Run) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, markup=False, highlight=False, emoji=False)
    print_run(console, run, verbose=True)
    print_comparison(console, compare(run, run, intersect=True), verbose=True)
    closing_line(run)
    for text in (markdown([run]), junit([run]), badge(run), *dict(site_pages([run, run])).values()):
        text.encode()


@pytest.fixture
def lines(mixed: Run, written: Callable[..., Path]) -> list[Any]:
    """Those of a file with a case of every kind."""
    return [json.loads(line) for line in written(mixed).read_text().splitlines()]


@settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_one_value_is_another(lines: list[Any], tmp_path: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([each for each in places(lines) if each]))
    value = data.draw(_LIKELY | _JSON)
    file = tmp_path / "any.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in changed(lines, path, value)))
    try:
        run = read(file, partial=True)
    except ResultError as error:
        assert str(file) in str(error)  # noqa: PT017  only where it is refused
        return
    if run.cases:
        draw_everything(run)


def test_the_unchanged_file_can_be_drawn(mixed: Run, written: Callable[..., Path]) -> None:
    draw_everything(read(written(mixed)))
