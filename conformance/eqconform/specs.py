"""How implementations are named, as far as a name alone can be judged.

Knows nothing of torch, so that a slip of the pen is answered at once.
"""

import difflib
import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

_GROUP = "eqconform.implementations"

OWN = "an adapter of your own is path/to/file.py:Class or module:Class"

FILE_SPEC = re.compile(r"(?P<path>.+\.py)(?::(?P<attribute>[^:/\\]*))?")
"""The greedy path keeps the colon of a Windows drive; an attribute holds no separator."""


def registered() -> dict[str, EntryPoint]:
    """The implementations that installed packages register, by name."""
    return {point.name: point for point in sorted(entry_points(group=_GROUP))}


def why_unknown(spec: str) -> str:
    """Why nothing can be there under this name; empty where something may be."""
    if file := FILE_SPEC.fullmatch(spec):
        return "" if Path(file["path"]).is_file() else f"there is no file {file['path']!r}"
    if ":" in spec:
        return "" if spec.partition(":")[0].strip() else f"nothing stands before the colon; {OWN}"
    known = registered()
    if spec in known:
        return ""
    near = difflib.get_close_matches(spec, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no implementation has this name; {hint}known are {', '.join(known) or 'none'}; {OWN}"
