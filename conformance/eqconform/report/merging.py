"""One run of the shards of it: what several machines judged, in one result file.

Every shard must be there once, and all of them must be of the same run: the same clauses, versions,
implementation and question. Only the platform may differ, for machines do; the file then names
every one. A shard's header has the entries of its own cases alone, so that a list of deviations
that was edited between two shards shows where one has an entry for the cases of the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from eqconform.deviations.entries import Deviation, Listed
from eqconform.reading import read
from eqconform.report.words import some
from eqconform.results import CaseResult, Header, ResultError, Run, Writer
from eqconform.verdict import conformant

_OWN = ("planned", "started", "deviations", "shard")
"""What a shard's header says of the shard alone."""

_SHOWN = 60  # characters of a reason


def merge(paths: Sequence[Path], output: Path) -> Run:
    """Write the run of which these files are the shards.

    Args:
        paths: of the shards, in any order.
        output: the file to write; its folder is made where there is none.

    Raises:
        ResultError: a file is no complete shard, or the shards are not those of one run.
        UsageError: another run is writing the output.
        OSError: it cannot be written.
    """
    shards = {path: read(path) for path in paths}
    header = _header(shards)
    cases = _cases(shards, header)
    whole = Run(header, cases, sum(each.seconds for each in shards.values()))
    output.parent.mkdir(parents=True, exist_ok=True)
    writer = Writer(output, header)
    try:
        for case in cases:
            writer.case(case)
        return writer.footer(seconds=whole.seconds, conformant=conformant(whole))
    finally:
        writer.close()


def _header(shards: Mapping[Path, Run]) -> Header:
    """The header of the whole.

    Raises:
        ResultError: the shards are not those of one run.
    """
    first_path, first = next(iter(shards.items()))
    for path, run in shards.items():
        if run.header.shard is None:
            raise ResultError(f"{path} is no shard: it is a whole run already")
        if differing := _differing(first.header, run.header):
            raise ResultError(f"{path} and {first_path} are of different runs: {differing}")
    _require_every_shard(shards)
    headers = [run.header for run in shards.values()]
    return replace(
        first.header,
        versions={**first.header.versions, "platform": _platforms(headers)},
        planned=sum(header.planned for header in headers),
        started=min(header.started for header in headers),
        deviations=_deviations(headers),
        shard=None,
    )


def _require_every_shard(shards: Mapping[Path, Run]) -> None:
    """Every shard is there, once, and together they hold what was planned.

    Raises:
        ResultError: not so.
    """
    found: dict[int, Path] = {}
    for path, run in shards.items():
        shard = run.header.shard
        assert shard is not None  # noqa: S101  for the type checker: see `_header`
        if shard.index in found:
            raise ResultError(f"{path} and {found[shard.index]} are both shard {shard}")
        found[shard.index] = path
        count, planned = shard.count, shard.planned
    if missing := sorted(set(range(1, count + 1)) - found.keys()):
        names = some([f"{index}/{count}" for index in missing])
        raise ResultError(f"missing of {count} shards: {names}; give every one")
    held = sum(len(run.cases) for run in shards.values())
    if held != planned:
        raise ResultError(
            f"the shards hold {held} cases, and {planned} were planned; run them anew"
        )


def _differing(one: Header, other: Header) -> str:
    """In what the headers of two shards of one run must not differ, and do."""
    first, second = _shared(one), _shared(other)
    return "; ".join(
        f"{name} {first.get(name)} and {second.get(name)}"
        for name in {**first, **second}
        if first.get(name) != second.get(name)
    )


def _shared(header: Header) -> dict[str, Any]:
    """What the headers of all shards of a run have in common, versions each under its own name."""
    values = {name: value for name, value in asdict(header).items() if name not in _OWN}
    versions = {name: each for name, each in values.pop("versions").items() if name != "platform"}
    values |= {f"version of {name}": each for name, each in versions.items()}
    shard, listed = header.shard, header.deviations
    if shard is not None:
        values |= {"number of shards": shard.count, "cases of all shards": shard.planned}
    return {**values, "file of deviations": listed and listed.source}


def _platforms(headers: Sequence[Header]) -> str:
    platforms = (header.versions.get("platform", "unknown") for header in headers)
    return ", ".join(dict.fromkeys(platforms))


def _deviations(headers: Sequence[Header]) -> Listed | None:
    """The entries of all shards, each once: of one that no case of a shard is of, that has none."""
    lists = [header.deviations for header in headers if header.deviations is not None]
    if not lists:
        return None
    entries = dict.fromkeys(entry for listed in lists for entry in listed.entries)
    return Listed(lists[0].source, tuple(entries))


def _cases(shards: Mapping[Path, Run], header: Header) -> tuple[CaseResult, ...]:
    """The cases of all shards, by id, each with the place of its entry in the whole.

    Raises:
        ResultError: two shards hold the same case, or were judged by different lists.
    """
    found: dict[str, tuple[Path, CaseResult]] = {}
    places = {
        entry: place
        for place, entry in enumerate(header.deviations.entries if header.deviations else ())
    }
    for path, run in shards.items():
        entries = run.header.deviations.entries if run.header.deviations else ()
        for case in run.cases:
            if case.id in found:
                raise ResultError(f"{path} and {found[case.id][0]} both hold case {case.id!r}")
            own = None if case.deviation is None else entries[case.deviation]
            _require_one_list(path, case, own, places)
            place = None if own is None else places[own]
            found[case.id] = (path, replace(case, deviation=place))
    return tuple(found[name][1] for name in sorted(found))


def _require_one_list(
    path: Path, case: CaseResult, own: Deviation | None, entries: Iterable[Deviation]
) -> None:
    """No entry of another shard lists the case: its own shard would have gone by it, too.

    Raises:
        ResultError: one does.
    """
    for entry in entries:
        if entry != own and entry.lists(case.id):
            has = "no entry" if own is None else f"the entry {own.title!r} ({own.reason[:_SHOWN]})"
            raise ResultError(
                f"the list of deviations was edited between the shards: {path} has {has} for case "
                f"{case.id!r}, and another shard {entry.title!r} ({entry.reason[:_SHOWN]}); run "
                "the shards anew with one list"
            )
