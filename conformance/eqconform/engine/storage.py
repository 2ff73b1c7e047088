"""Where Hypothesis keeps what it has read of the modules around it: not in the working folder.

A run leaves nothing there that was not asked for.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis.configuration import set_hypothesis_home_dir, storage_directory


@contextmanager
def storage_elsewhere() -> Iterator[None]:
    """For a while, in a process that is not ours: in a folder that goes at the end.

    What the session around it keeps, examples that failed, say, stays where it was.
    """
    home: Any = storage_directory(intent_to_write=False)
    with tempfile.TemporaryDirectory(prefix="eqconform-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(getattr(home, "path", home))  # in old versions a path itself
