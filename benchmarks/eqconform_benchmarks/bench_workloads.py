"""The one test of a benchmark session; `eqconform_benchmarks.session` multiplies it."""

from collections.abc import Callable

from eqconform_benchmarks.workloads import Workload


def test_workload(
    measure: Callable[[Workload, str], None], workload: Workload, implementation: str
) -> None:
    """Time, or weigh, one workload of one implementation."""
    measure(workload, implementation)
