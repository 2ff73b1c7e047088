"""What a check can say of an implementation."""

from dataclasses import dataclass

from eqconform.sketches import Sketch


@dataclass(frozen=True)
class Evidence:
    """What was expected and what was seen; for numbers also how far off, and how far is allowed.

    Attributes:
        expected: in words, with the values.
        observed: in words, with the values.
        error: the largest deviation, in the unit of the tolerance; None where none was measured.
        tolerance: the bound on `error`, derived by the check.
    """

    expected: str
    observed: str
    error: float | None = None
    tolerance: float | None = None


def said(error: BaseException) -> str:
    """The message of an exception, even of one that raises when it is asked for it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  theirs, whatever it is
        return "(a message that raises when it is read)"


class Broken(Exception):  # noqa: N818  a verdict, not an error
    """The implementation broke the clause.

    Attributes:
        sketch: of the network, where there is one to look at.
        script: that shows it and needs torch alone, where there is one.
    """

    sketch: Sketch | None = None
    script: str | None = None


class Violation(Broken):
    """The implementation does not do what the clause says: the verdict "fail"."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(f"expected {evidence.expected}; observed {evidence.observed}")
        self.evidence = evidence


class Vacuous(Exception):  # noqa: N818  the verdict "vacuous", not an error
    """The clause holds, but only because the implementation changed nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Raised(Broken):
    """The implementation, or a model that it made, raised: the verdict "error", and theirs."""

    def __init__(self, where: str, cause: BaseException) -> None:
        super().__init__(f"{where} raised {type(cause).__name__}: {said(cause) or 'no message'}")
        self.where = where
        self.cause = cause


def require(holds: bool, evidence: Evidence) -> Evidence:
    """The evidence, if the claim holds.

    Raises:
        Violation: it does not.
    """
    if not holds:
        raise Violation(evidence)
    return evidence


def within(error: float, tolerance: float, *, expected: str, observed: str) -> Evidence:
    """The evidence, if the error is within tolerance; a NaN never is.

    Raises:
        Violation: it is not.
    """
    return require(error <= tolerance, Evidence(expected, observed, error, tolerance))
