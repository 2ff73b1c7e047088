"""The entries of a deviations file: what is known to be wrong, and of which cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from eqconform.deviations.ranges import have_common, within


@dataclass(frozen=True)
class Deviation:
    """One thing that is known to be wrong.

    Attributes:
        clause: id of the clause that does not hold.
        reason: what the implementation does, in words.
        cases: subjects of the clause, or patterns of them; empty for all.
        issue: where it is reported, or None.
        torch: the versions of torch that it is about, or None for all.
        version: the versions of the implementation that it is about, or None for all.
        cause: the name under which the file gives the reason, or None for one of its own.
    """

    clause: str
    reason: str
    cases: tuple[str, ...] = ()
    issue: str | None = None
    torch: str | None = None
    version: str | None = None
    cause: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Deviation":
        """The entry that `asdict` made `value` of."""
        return cls(**{**value, "cases": tuple(value["cases"])})

    @property
    def title(self) -> str:
        """Clause and cases, as messages name the entry."""
        return f"{self.clause} ({', '.join(self.cases)})" if self.cases else self.clause

    def lists(self, case_id: str) -> bool:
        """Whether the case is among those of the entry."""
        clause, _, subject = case_id.partition("/")
        return clause == self.clause and (
            not self.cases or any(matches(pattern, subject) for pattern in self.cases)
        )

    def may_meet(self, other: "Deviation") -> bool:
        """Whether there are versions that both entries are about."""
        pairs = ((self.torch, other.torch), (self.version, other.version))
        return all(have_common(*filter(None, pair)) for pair in pairs)

    def applies(self, *, torch: str, version: str) -> bool:
        """Whether the entry is about these versions.

        Raises:
            UsageError: there is a range to compare with, and the version is not of PEP 440.
        """
        pairs = ((self.torch, torch), (self.version, version))
        return all(wanted is None or within(wanted, found) for wanted, found in pairs)


@dataclass(frozen=True)
class Listed:
    """The entries of a file.

    Attributes:
        source: the file, as messages name it.
        entries: in the order of the file.
    """

    source: str
    entries: tuple[Deviation, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Listed":
        """The entries that `asdict` made `value` of."""
        return cls(value["source"], tuple(Deviation.from_json(each) for each in value["entries"]))


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject is meant: by name, which may hold brackets, or by pattern."""
    return pattern == subject or fnmatchcase(subject, pattern)
