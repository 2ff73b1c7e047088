"""The benchmarks: what is timed, and against which limit."""

from functools import cache

from eqconform_benchmarks.workloads import memory, networks, observers, tensors
from eqconform_benchmarks.workloads.workload import Timed, Weighed, Workload

__all__ = ["SUITES", "Timed", "Weighed", "Workload", "workloads"]

SUITES = ("observers", "scale", "weights", "convert", "calibrate", "models", "memory")


@cache
def workloads() -> dict[str, Workload]:
    """Every benchmark by its id, in the order of the suites."""
    found = [each for module in (observers, tensors, networks, memory) for each in module.listed()]
    return {each.id: each for suite in SUITES for each in found if each.suite == suite}
