"""What commands show on standard error while they work.

On a terminal something that moves, elsewhere a line now and then: a log, too, shows what hangs.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from eqconform.console import stderr
from eqconform.engine.course import Course
from eqconform.engine.planning import Plan, make_plan
from eqconform.engine.running import Finished, run_plan
from eqconform.selection import Selection

_SECONDS_BETWEEN_LINES = 20.0
_LOADING = "importing it, and listing its cases"


def plan_shown(spec: str, selection: Selection) -> Plan:
    """Make a plan, and show that it is being made.

    Raises:
        NotStarted, UsageError, SuiteFault: see `make_plan`.
    """
    with doing(spec, _LOADING):
        return make_plan(spec, selection)


def run_shown(plan: Plan, selection: Selection, jobs: int, output: Path) -> Finished:
    """Run a plan, and show how far it is.

    Raises:
        Interrupted, SuiteFault, UsageError: see `run_plan`.
    """
    course = Course(len(plan.cases))
    with shown(plan.implementation["name"], course):
        return run_plan(plan, selection, jobs=jobs, output=output, course=course)


@contextmanager
def doing(title: str, what: str) -> Iterator[None]:
    """Show what is going on inside, and for how long it has."""
    console, began = stderr(), time.monotonic()
    if console.is_terminal:
        with console.status(Text(f"{title}: {what}")):
            yield
        return
    with _now_and_then(console, lambda: f"{title}: {what} ({time.monotonic() - began:.0f} s)"):
        yield


@contextmanager
def shown(title: str, course: Course) -> Iterator[None]:
    """Show how far a run has come, and the case that it is at."""
    console = stderr()
    if console.is_terminal:
        with _Bar(title, course, console):
            yield
        return

    def line() -> str:
        return f"{title}: {course.done} of {course.total} cases, {course.now()}"

    with _now_and_then(console, line):
        yield


class _Bar(Progress):
    """A bar, and under it what the run is at; of neither anything is left in the end."""

    def __init__(self, title: str, course: Course, console: Console) -> None:
        self._course = course
        broken = TextColumn("{task.fields[broken]} broken")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        super().__init__(*columns, broken, TimeElapsedColumn(), console=console, transient=True)
        self._task = self.add_task(title, total=course.total, broken=0)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Drawn by rich, some times a second."""
        for task in self.tasks:
            task.completed = self._course.done
            task.fields["broken"] = self._course.broken
        yield from super().get_renderables()
        yield Text(f"  {self._course.now()}", no_wrap=True, overflow="ellipsis")


@contextmanager
def _now_and_then(console: Console, line: Callable[[], str]) -> Iterator[None]:
    """Signs of life for a log: a line, three times a minute, whatever ends or does not."""
    over = Event()

    def tell() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            console.print(line(), soft_wrap=True)

    teller = Thread(target=tell, name="eqconform-progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
