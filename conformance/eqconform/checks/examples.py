"""Properties over many examples: how they are searched, and what the examples are made of.

A search is derandomized, so that a verdict is the same every time; what fails is shrunk by
Hypothesis to the smallest example that fails, which then stands in the verdict.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.strategies import DrawFn, SearchStrategy
from torch import Tensor

from eqconform.contract import ChannelRange, Unsupported
from eqconform.judge.judgement import share
from eqconform.judge.outcome import Evidence, Raised, Violation

SEARCH = settings(
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)

_Verdict = Violation | Raised | Unsupported
_VALUES = st.floats(-1000, 1000, width=32)
_LONGEST = 500  # characters of an example that a verdict shows


def for_all(judge: Callable[..., Evidence], **examples: SearchStrategy[Any]) -> Evidence:
    """The evidence that `judge` finds no fault with any example, at the worst of them.

    Args:
        judge: called with one value for each of `examples`, by name.
        examples: what to draw from.

    Raises:
        Violation, Raised: on the smallest example that fails, which the message shows.
        Unsupported: the adapter says so.
    """
    passed: list[Evidence] = []
    failed: list[_Verdict] = []

    @SEARCH
    @given(**examples)
    def search(**example: Any) -> None:
        try:
            passed.append(judge(**example))
        except (Violation, Raised, Unsupported) as verdict:
            failed.append(_on(example, verdict))
            raise failed[-1] from verdict
        except Exception:
            raise
        except BaseException as stop:
            raise _Stopped(stop) from stop

    try:
        search()
    except _Stopped as stopped:
        raise stopped.reason from None
    except Flaky:  # the same example passed the second time
        raise failed[-1] from None
    worst = max(reversed(passed), key=_share)  # the last of equals: the first is all zeros
    return replace(worst, observed=f"{worst.observed} (the worst of {len(passed)} examples)")


class _Stopped(BaseException):
    """Carries what stops a case through Hypothesis, which would try the example once more.

    It takes pytest's failures, a time limit among them, for those of a test.
    """

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


def listed(value: object) -> str:
    """A value as a reader would type it; a long one is cut."""
    text = _listed(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@st.composite
def tensors(draw: DrawFn, shape: tuple[int, ...]) -> Tensor:
    """float32 tensors of a shape."""
    count = torch.Size(shape).numel()
    values = draw(st.lists(_VALUES, min_size=count, max_size=count))
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


@st.composite
def batches(draw: DrawFn, *, rank: int, axis: int, channels: int | None = None) -> list[Tensor]:
    """One to three batches with the same channels at `axis`; the other axes vary in length."""
    longest = 3 if rank <= 3 else 2  # noqa: PLR2004  keeps examples of rank 5 quick to draw
    channels = channels or draw(st.integers(1, longest + 1))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        shape = [draw(st.integers(1, longest)) for _ in range(rank)]
        shape[axis] = channels
        found.append(draw(tensors(tuple(shape))))
    return found


@st.composite
def ranges(
    draw: DrawFn, channels: int, dtype: torch.dtype = torch.float32, *, decades: int = 9
) -> ChannelRange:
    """Ranges that are wider than nothing, bounds of shape (channels,).

    A width lies within a factor of 10**decades of 1, and the range at most 8 widths from zero, so
    that neither the widths nor their quotient overflow, and a width loses no more digits than that.
    """
    exponents = st.integers(-3 * decades, 3 * decades)  # of 2; 2**3 < 10
    found = [draw(_bounds(exponents, dtype)) for _ in range(channels)]
    return ChannelRange(*torch.tensor(found, dtype=torch.float64).T.to(dtype))


def sample(*shape: int, seed: int = 0) -> Tensor:
    """Values that are the same every time, float32."""
    seeded = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=seeded, dtype=torch.float32)


@st.composite
def _bounds(
    draw: DrawFn, exponents: SearchStrategy[int], dtype: torch.dtype
) -> tuple[float, float]:
    unit = 2.0 ** draw(exponents)
    width = draw(st.integers(1 << 23, (1 << 24) - 1)) / (1 << 23) * unit  # all digits of float32
    low = _rounded(draw(st.integers(-(1 << 23), 1 << 23)) / (1 << 20) * unit, dtype)
    return low, _rounded(low + width, dtype)


def _rounded(value: float, dtype: torch.dtype) -> float:
    return float(torch.tensor(value, dtype=torch.float64).to(dtype))


def _share(evidence: Evidence) -> float:
    return 0.0 if evidence.error is None else share(evidence)


def _on(example: dict[str, Any], verdict: _Verdict) -> _Verdict:
    """The verdict, with the example that it was reached on."""
    if isinstance(verdict, Unsupported):
        return verdict
    where = ", ".join(f"{name} = {listed(value)}" for name, value in example.items())
    if isinstance(verdict, Raised):
        return Raised(f"{verdict.where} on {where}", verdict.cause)
    evidence = verdict.evidence
    return Violation(replace(evidence, observed=f"{evidence.observed}, on {where}"))


def _listed(value: object) -> str:
    if isinstance(value, Tensor):
        dtype = "" if value.dtype is torch.float32 else f" {value.dtype}"
        return f"{value.tolist()}{dtype}"
    if isinstance(value, ChannelRange):
        return f"[min {_listed(value.min)}, max {_listed(value.max)}]"
    if isinstance(value, (list, tuple)):
        parts = ", ".join(_listed(each) for each in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts})"
    return repr(value)
