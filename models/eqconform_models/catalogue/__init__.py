"""The hand-made networks: small modules whose names say the pattern, one file per subject."""

from eqconform_models.catalogue import linear_chains

__all__ = ["linear_chains"]
