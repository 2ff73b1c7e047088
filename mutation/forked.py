"""Several processes that reduce ranges, in forks of this one, which has imported torch already.

In the place of torchrun, which `eqconform.judge.processes` starts: a mutant would cost ten seconds.
"""

import faulthandler
import os
import socket
import sys
from multiprocessing import connection, get_context

from eqconform.judge import processes, reduction

_FORK = get_context("fork")
_SECONDS = 10.0


def use() -> None:
    """Have cases that reduce ranges do so in forks."""
    processes._run = _run  # noqa: SLF001  there is no public way to start them otherwise


def _run(spec: str, folder: str, count: int) -> None:
    # Its thread is not in a fork, which would wait for it in vain before it sets its own.
    faulthandler.cancel_dump_traceback_later()
    port = _free_port()
    children = [
        _FORK.Process(target=_take_part, args=(spec, folder, rank, count, port))
        for rank in range(count)
    ]
    for child in children:
        child.start()
    running = {child.sentinel: child for child in children}
    while running:
        ended = [running.pop(sentinel) for sentinel in connection.wait(list(running))]
        for child in ended:
            child.join()
        if any(child.exitcode for child in ended):  # the others would wait for it in vain
            for child in running.values():
                child.kill()


def _take_part(spec: str, folder: str, rank: int, count: int, port: int) -> None:
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    sys.argv[1:] = [spec, folder, str(_SECONDS)]
    reduction.main()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
