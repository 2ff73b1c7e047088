"""The hand-made networks: small modules whose names say the pattern, one file per subject.

Importing this package fills the catalogue, in the order below.
"""

from importlib import import_module

for _subject in (
    "linear_chains",
    "linear_axes",
    "conv_chains",
    "many_rows",
    "grouped",
    "hazards",
    "graphs",
    "shared",
    "functional",
    "norms",
    "settings",
    "layers",
    "hooks",
    "overrides",
    "interfaces",
    "values",
    "names",
):
    import_module(f"{__name__}.{_subject}")
