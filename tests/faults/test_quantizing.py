"""Right int8 models pass: the honest one, and those that are built otherwise."""

# Overrides have the signatures of `eqconform.Implementation`.
# ruff: noqa: ANN001, ANN201

import pytest
from quantizing import Quantizing

from eqconform import Implementation
from eqconform.judge.cases import Case, all_checks
from eqconform.judge.outcome import Evidence

CHECKS = [check for check in all_checks() if check.clause.startswith("quantize.")]
FULL = [case for check in CHECKS for case in check.cases("full")]
QUICK = [case for check in CHECKS for case in check.cases("quick")]


class SevenBits(Quantizing):
    """Leaves a bit of the inputs unused, as engines do whose sums would saturate."""

    steps = 127


class RoundsOutputs(Quantizing):
    """Has a quantizer at the output of every layer too, by its own extremes."""

    def quantize(self, model, batches, *, equalize, layers=None):
        result = super().quantize(model, batches, equalize=equalize, layers=layers)
        for layer in self.layers_of(result).values():
            layer.register_forward_hook(lambda *call: self.output(call[-1]))
        return result

    def output(self, out):
        return self.input(out, out.min(), out.max())


class AbsMax(Quantizing):
    """The largest magnitude in place of the range, and says so."""

    formula = "absmax"

    def width(self, values):
        return values.abs().amax(1)


@pytest.mark.parametrize("case", FULL, ids=lambda case: case.id)
def test_the_honest_one_passes_with_the_same_evidence_every_time(case: Case) -> None:
    evidence = case.judge(Quantizing())
    assert isinstance(evidence, Evidence)
    assert case.judge(Quantizing()) == evidence


@pytest.mark.parametrize("variant", [SevenBits, RoundsOutputs, AbsMax])
@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.id)
def test_another_way_to_quantize_passes(variant: type[Implementation], case: Case) -> None:
    assert isinstance(case.judge(variant()), Evidence)
