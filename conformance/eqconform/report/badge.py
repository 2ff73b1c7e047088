"""The verdict as a badge, in the JSON that shields.io draws from.

Source: the schema of https://shields.io/badges/endpoint-badge.
"""

import json
from collections.abc import Sequence

from eqconform.report.summary import level_words, speaks_for_all, verdict
from eqconform.report.words import plain
from eqconform.results import Run
from eqconform.selection import UsageError
from eqconform.verdict import CONFORMANT, conformant, exit_code


def badge(run: Run) -> str:
    """The badge of a run: clauses that hold, level by level, and no share of them all.

    Green is conformant, yellow is nothing wrong that is not known, red the rest; grey has no
    verdict on all of the clauses.
    """
    whole = speaks_for_all(run)
    words = ", ".join(level_words(run)) or "nothing was checked"
    return json.dumps(
        {
            "schemaVersion": 1,
            "label": plain(f"eqconform: {run.header.implementation['name']}"),
            "message": words if whole else f"{verdict(run)}: {words}",
            "color": _color(run) if whole else "lightgrey",
        },
        indent=2,
    )


def badge_of(runs: Sequence[Run]) -> str:
    """The badge of the one run that there is, as a file holds it.

    Raises:
        UsageError: there are several; a badge has room for one.
    """
    if len(runs) != 1:
        raise UsageError(
            f"a badge is of one result file, and {len(runs)} were given; give one file, "
            "and run the command once for each badge"
        )
    return badge(runs[0]) + "\n"


def _color(run: Run) -> str:
    if conformant(run):
        return "brightgreen"
    return "yellow" if exit_code(run) == CONFORMANT else "red"
