"""Limits how much memory a worker may take, where the platform can: on Linux.

The limit is on the data of the process (RLIMIT_DATA: what it allocated for itself alone), not on
its address space, of which torch and CUDA reserve far more than they use. It is counted from what
the process holds when it begins to judge, so that it means the same with every version of torch.
"""

import re
import sys
from pathlib import Path

_GIGABYTE = 10**9


class MemoryLimit:
    """Lets the process allocate so much more than it holds now.

    What goes beyond raises MemoryError, or RuntimeError from torch's allocator.

    Args:
        gigabytes: of 10^9 bytes each.
    """

    def __init__(self, gigabytes: float) -> None:
        self._allowed = int(gigabytes * _GIGABYTE)
        self._before = _held()
        _limit(self._before + self._allowed)

    def is_half_gone(self) -> bool:
        """Whether the cases so far have kept half of it, so that others may lack it."""
        return 2 * (_held() - self._before) > self._allowed


def _limit(size: int) -> None:
    if sys.platform == "linux":
        import resource  # noqa: PLC0415  not on every platform

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        least = size if hard == resource.RLIM_INFINITY else min(size, hard)  # `ulimit` came first
        resource.setrlimit(resource.RLIMIT_DATA, (least, hard))


def _held() -> int:
    """What the limit counts, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmData:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0
