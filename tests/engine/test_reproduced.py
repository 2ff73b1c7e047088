"""What `eqconform reproduce` prints, of all that can be known of a case."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from eqconform.deviations.entries import Deviation
from eqconform.report.reproduced import Reproduced, print_reproduced
from eqconform.results import CaseResult, Header, Run, counted

KNOWN = Deviation("scale.formula", "It forgets the root.", issue="https://example.org/1")


@pytest.fixture
def printed(header: Header, case: CaseResult) -> Callable[..., str]:
    """The text for a case of this status, with what else is known of it."""

    def text(status: str = "fail", **known: object) -> str:
        cases = (replace(case, status=status, script="import torch"),)
        stream = io.StringIO()
        console = Console(file=stream, width=80, markup=False, highlight=False)
        selected = {**header.selection, "case": cases[0].id}
        run = Run(replace(header, selection=selected), cases, 1.0, counted(cases))
        print_reproduced(console, Reproduced(run, **known))  # type: ignore[arg-type]  # by name
        return stream.getvalue()

    return text


def test_everything_has_its_place(printed: Callable[..., str]) -> None:
    text = printed(
        summary="Two layers.",
        portrait="class Net:\n    pass",
        divergence="First to diverge: layer call 1",
        traceback="Traceback: so it went",
        printed="hello\x1b[31m",
        known=KNOWN,
    )
    order = [
        "MUST scale.formula",
        "Subject: Two layers.",
        "\nclass Net:\n    pass\n",
        "expected 1",
        "error 1, tolerance 1e-06",
        "First to diverge: layer call 1",
        "\nKnown:\n  It forgets the root.\n  https://example.org/1\n",
        "\nTraceback: so it went",
        "\nPrinted meanwhile:\nhello?[31m\n",
        "\nThe network, as a script that needs torch alone:\nimport torch\n",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_nothing_is_said_of_what_is_not_known(printed: Callable[..., str]) -> None:
    text = printed()
    assert "Known" not in text
    assert "Printed" not in text
    assert "budget" not in text  # the case is the same at each


def test_a_known_case_that_passes_is_a_surprise(printed: Callable[..., str]) -> None:
    assert "Listed as known, and it passed\n  It forgets the root." in printed("pass", known=KNOWN)
