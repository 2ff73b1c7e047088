"""`eqconform run --search`: how it is asked, what it prints, and where its finds are pinned."""

import math
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress, TextColumn

from eqconform.console import complain, stderr, stdout
from eqconform.engine.planning import NotStarted, SuiteFault
from eqconform.engine.running import require_writable
from eqconform.engine.searching import Find, Search, Tally
from eqconform.progress import plan_shown
from eqconform.selection import Selection, UsageError, validated
from eqconform.verdict import BROKEN, CONFORMANT, NOT_CONFORMANT

_CLAUSES = {"equalize": "equalize.random-networks", "chain": "chain.random-networks"}  # by claim
_SECONDS_PER_NETWORK = 60.0  # a thousand times what one takes: then it hangs
_SEEDS = 1 << 16
_LINE_EVERY = 20.0  # seconds, where there is no terminal to draw on
_SHOWN = 300  # characters of what a find says


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        minutes: how long.
        seed: of a search to repeat; None for a new one.
        jobs: processes.
        output: folder for the scripts: finds/ in it.
        pin: whether to pin what is found.
    """

    minutes: float
    seed: int | None
    jobs: int
    output: Path
    pin: bool


def require_heeded(given: Mapping[str, object]) -> None:
    """Refuse options that a search does not heed.

    Args:
        given: by name, the values of options that mean something without `--search` alone.

    Raises:
        UsageError: one of them has a value.
    """
    if names := [name for name, value in given.items() if value]:
        raise UsageError(
            f"a search judges random networks alone, until time is up: leave out {', '.join(names)}"
        )


def search_all(specs: tuple[str, ...], selection: Selection, options: SearchOptions) -> int:
    """Search for networks that each implementation fails; the worst exit code.

    The claims of the selection say which of the two clauses on drawn networks judge; none, both.

    Raises:
        UsageError: the time is no number of minutes, a claim is none of the two, or the file of
            pinned networks is broken.
    """
    if not 0 < options.minutes < math.inf:
        raise UsageError(
            f"a search of {options.minutes:g} minutes finds nothing or never ends; "
            "give a number greater than 0"
        )
    validated(selection)
    for claim in selection.claims:
        if claim not in _CLAUSES:
            both = " and ".join(_CLAUSES)
            raise UsageError(f"a search judges the claims {both}, and not {claim!r}")
    require_writable(options.output)
    return max(_search(spec, selection, options) for spec in specs)


_TOO_SHORT = "no network was judged; workers take some seconds to start, so give it more minutes"


def _search(spec: str, selection: Selection, options: SearchOptions) -> int:
    try:
        return _searched(spec, selection, options)
    except (NotStarted, SuiteFault) as error:
        return complain(error)


def _searched(spec: str, selection: Selection, options: SearchOptions) -> int:
    plan = plan_shown(spec, replace(selection, pinned=_existing(selection.pinned)))
    name = plan.implementation["name"]
    search = Search(
        spec,
        name,
        clauses=_clauses(name, plan.implementation["claims"], selection.claims),
        seed=secrets.randbelow(_SEEDS) if options.seed is None else options.seed,
        jobs=options.jobs,
        device=selection.device,
        folder=options.output / "finds",
        limit=selection.case_timeout or _SECONDS_PER_NETWORK,
        first_limit=selection.load_timeout,
        memory=selection.memory,
    )
    with _progress(name, 60 * options.minutes) as on_change:
        tally = search.run(60 * options.minutes, on_change)
    _print(name, tally)
    if options.pin:
        _pin(tally.finds, selection.pinned)
    broken = any(tally.statuses[status] for status in BROKEN)
    return CONFORMANT if tally.statuses["pass"] and not broken else NOT_CONFORMANT


def _existing(file: str | None) -> str | None:
    """The file, for the plan to refuse it if it is broken; None where it has to be made first."""
    return file if file is not None and Path(file).exists() else None


def _clauses(name: str, claimed: Collection[str], wanted: Collection[str]) -> list[str]:
    """The clauses that judge, in the order in which they do.

    Args:
        name: of the implementation.
        claimed: what it claims.
        wanted: the claims to judge; empty for whatever it claims.

    Raises:
        UsageError: a claim is wanted that it does not make, or it makes neither.
    """
    for claim in wanted or ("equalize",):
        if claim not in claimed:
            others = "" if wanted else ", and a search judges nothing without it"
            raise UsageError(f"{name} does not claim {claim!r}{others}")
    return [_CLAUSES[claim] for claim in _CLAUSES if claim in (wanted or claimed)]


@contextmanager
def _progress(name: str, seconds: float) -> Iterator[Callable[[Tally], None]]:
    """A line that says how the search stands; where there is no terminal, one now and then."""
    console = stderr()
    if not console.is_terminal:
        yield _now_and_then(name, seconds, console.print)
        return
    with Progress(TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda tally: bar.update(task, description=_line(name, tally, seconds))


def _now_and_then(name: str, seconds: float, say: Callable[[str], None]) -> Callable[[Tally], None]:
    due = time.monotonic() + _LINE_EVERY

    def on_change(tally: Tally) -> None:
        nonlocal due
        if time.monotonic() > due:
            due += _LINE_EVERY
            say(_line(name, tally, seconds))

    return on_change


def _line(name: str, tally: Tally, seconds: float) -> str:
    left = max(0, round(seconds - tally.seconds))
    finds = f"{len(tally.finds)} finds" if len(tally.finds) != 1 else "1 find"
    return f"search {name}: {_speed(tally)}, {finds}, {left // 60}:{left % 60:02} left"


def _speed(tally: Tally) -> str:
    per_second = tally.networks / tally.seconds if tally.seconds else 0.0
    per_cpu = tally.networks / tally.cpu if tally.cpu else 0.0
    rates = f"{per_second:.1f} a second, {per_cpu:.1f} a second of processor time"
    return f"{tally.networks} networks ({rates})"


def _print(name: str, tally: Tally) -> None:
    out = stdout()
    for find in tally.finds:
        out.print(f"{find.clause}: {find.status}, seed {find.seed}", style="bold")
        for label, text in (("network", find.short), *_said(find), ("script", str(find.path))):
            shown = text if label == "script" or len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
            out.print(f"  {label:9}{shown}", soft_wrap=True)
    for seed in tally.untold:
        out.print(
            f"seed {seed}: ended its process, and another in telling its network", style="bold"
        )
    others = ", ".join(f"{n} {status}" for status, n in sorted(tally.statuses.items()))
    out.print(f"\n{name}, search of seed {tally.seed}: {_speed(tally)}: {others or _TOO_SHORT}")
    more = f", and {tally.again} more of the same kinds" if tally.again else ""
    out.print(f"{len(tally.finds)} distinct finds{more}", style="bold")


def _said(find: Find) -> Iterator[tuple[str, str]]:
    for label in ("expected", "observed", "message"):
        if text := getattr(find, label):
            yield label, text


def _pin(finds: list[Find], file: str | None) -> None:
    """Add the finds to the project's file, or to the suite's own."""
    from eqconform_models.drawn.description import from_plain  # noqa: PLC0415  it imports torch
    from eqconform_models.drawn.pinning import SHIPPED, pin  # noqa: PLC0415  as above

    target = SHIPPED if file is None else Path(file)
    try:
        added = [pin(from_plain(f.network), f.clause, f.status, target) for f in finds]
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot pin: {error}; name a file of yours with --pinned") from error
    stderr().print(f"Pinned {sum(added)} networks in {target}", soft_wrap=True)
