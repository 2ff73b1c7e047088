"""The README's tables of figures, drawn from the files of the last recorded run.

`tox run -e records` judges and measures anew and leaves what it finds in the folder `records` of
the checkout; `python -m eqconform.report.records CHECKOUT` writes the tables; a test holds README
and records equal.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from eqconform.files import write_whole
from eqconform.reading import read
from eqconform.registry import CLAIMS
from eqconform.report.marked import rewritten, table
from eqconform.report.summary import must_by_claim, verdict
from eqconform.results import Run
from eqconform.selection import UsageError

_RUNS = ("reference.jsonl", "torch_ao.jsonl")
_NETWORKS = ("models-reference.json", "models-torch_ao.json")
_ACCURACIES = ("accuracy-reference.json", "accuracy-reference_careful.json")

_HOLDS = {
    "observe": "ranges of inputs and weights",
    "scale": "the formula",
    "qparams": "what the quantizer is given",
    "configure": "which layers, which observers",
    "equalize": "the same function, on every kind of network",
    "chain": "where the scale goes",
    "quantize": "what int8 gains",
    "select": "which layers are worth it",
    "distributed": "calibration over several processes",
}


def verdict_rows(runs: Sequence[Run]) -> str:
    """How many MUST clauses hold, claim by claim: a Markdown table with a column per run."""
    by_claim = [must_by_claim(run) for run in runs]
    rows = [
        [f"{claim}: {_HOLDS.get(claim, '')}".rstrip(": "), *(_of(each, claim) for each in by_claim)]
        for claim in CLAIMS
        if any(claim in each for each in by_claim)
    ]
    head = ["MUST clauses that hold", *(_who(run.header.implementation) for run in runs)]
    torch = {run.header.versions["torch"] for run in runs}
    if len(torch) > 1:
        raise UsageError(
            f"the recorded runs are of torch {', '.join(sorted(torch))}: run them anew"
        )
    closing = ["**verdict**", *(f"**{verdict(run)}**" for run in runs)]
    return table([head, *rows, closing]) + f"\n\ntorch {torch.pop()}, budget quick."


def network_rows(records: Sequence[Mapping[str, Any]]) -> str:
    """What came of each network: a Markdown table with a column per implementation."""
    found = [{each["name"]: each for each in record["networks"]} for record in records]
    head = ["network", *(_who(record["implementation"]) for record in records)]
    rows = [[name, *(_in_words(each[name]) for each in found)] for name in found[0]]
    return table([head, *rows])


def accuracy_rows(records: Sequence[Mapping[str, Any]]) -> str:
    """What int8 costs trained networks: a Markdown table with a row per kind of model.

    The models that are not equalized are those of the first record; every record has the same.
    """
    rows = [["model", "accuracy", "signal-to-noise ratio of the logits"]]
    for number, record in enumerate(records):
        models = dict.fromkeys(figure["model"] for figure in record["figures"])
        for model in models:
            equalized = "equalization" in model
            if equalized or number == 0:
                who = f", `{record['implementation']['name']}`" if equalized else ""
                chosen = [each for each in record["figures"] if each["model"] == model]
                rows.append([f"{model}{who}", *_means(chosen)])
    seeds = sorted({figure["seed"] for record in records for figure in record["figures"]})
    versions = records[0]["versions"]
    return table(rows) + (
        f"\n\nMeans of {len(seeds)} networks, seeds {seeds[0]} to {seeds[-1]}; "
        f"torch {versions['torch']}, scikit-learn {versions['scikit-learn']}."
    )


def _means(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Mean accuracy, and mean ratio with its extremes; "raised" where one has none."""
    if any(each["accuracy"] is None for each in figures):
        return ["raised", ""]
    ratios = [float(each["sqnr"]) for each in figures if each["sqnr"] is not None]
    ratio = f"{fmean(ratios):.1f} dB ({min(ratios):.1f} to {max(ratios):.1f})" if ratios else ""
    return [f"{fmean(each['accuracy'] for each in figures):.2%}", ratio]


def generated(checkout: Path) -> str:
    """What README.md of a checkout should hold."""
    folder, readme = checkout / "records", checkout / "README.md"
    parts = {
        "verdicts": verdict_rows([read(folder / name) for name in _RUNS]),
        "networks": network_rows([read_record(folder / name) for name in _NETWORKS]),
        "accuracy": accuracy_rows([read_record(folder / name) for name in _ACCURACIES]),
    }
    text = readme.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = rewritten(text, name, part, where=readme.name)
    return text


def read_record(path: Path) -> dict[str, Any]:
    """The figures that a command wrote with `--json`.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"cannot read the record {path}: {error}") from error
    return value


def _of(held: Mapping[str, tuple[int, int]], claim: str) -> str:
    return "{} of {}".format(*held[claim]) if claim in held else "not claimed"


def _who(about: Mapping[str, Any]) -> str:
    return f"`{about['name']}` {about['version']}"


def _in_words(figure: Mapping[str, Any]) -> str:
    if figure["error"] is None:
        return f"raises {figure['message'].partition(':')[0]}"
    if figure["error"] <= figure["allowed"]:
        return f"{figure['error']:.0e}"
    return f"**wrong**: {_round(figure['error'])} times the largest output"


def _round(value: float) -> str:
    """Two digits, without an exponent: 13000, 56, 0.14."""
    digits = float(f"{value:.2g}")
    return f"{digits:,.0f}" if digits >= 10 else f"{digits:g}"  # noqa: PLR2004  two digits


def write(checkout: Path) -> None:
    """Write the tables into the README of a checkout.

    Raises:
        UsageError: this is no checkout, or a record is missing.
        ResultError: a recorded run is incomplete.
    """
    if not (checkout / "records").is_dir():
        raise UsageError(f"{checkout.resolve()} is no checkout of eqconform: it has no records")
    write_whole(checkout / "README.md", generated(checkout))


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
