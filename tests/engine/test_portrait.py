"""What `eqconform reproduce` shows of the network of a case."""

from typing import Any

from eqconform.engine.portrait import portrait
from eqconform.engine.standalone import standalone
from eqconform.judge.cases import Case, all_checks
from eqconform_models import networks
from eqconform_models.network import CATALOGUE


def shown(case_id: str) -> str:
    clause, _, subject = case_id.partition("/")
    check = next(each for each in all_checks() if each.clause == clause)
    return portrait(Case(check, subject, {**check.subjects, **check.more}[subject]))


def test_network_of_the_catalogue() -> None:
    """Its source, the shapes of its batches, where its scales belong, how to have it."""
    text = shown("equalize.same-function/chain-three-layers")
    assert "class ChainThreeLayers(nn.Sequential):" in text
    assert "calibration: 3 batches of float32[4, 8]" in text
    assert "batch-of-7: float32[7, 8]" in text
    assert "0 (layer call 0, linear): its input is multiplied" in text
    assert "4 (layer call 2, linear): folded into the rows of 2 (layer call 1, linear)" in text
    assert "eqconform_models.network('chain-three-layers').build()" in text


def test_the_source_of_every_network_runs_by_itself() -> None:
    """With imports and base classes, without the catalogue, and it makes the same modules."""
    assert networks()
    for name, network in CATALOGUE.items():
        model = network.build()
        text = standalone(type(model))
        assert "eqconform" not in text, name
        assert "catalogued" not in text, name
        assert len(text.splitlines()) < 120, name
        namespace: dict[str, Any] = {"__name__": "script"}
        exec(text, namespace)  # noqa: S102  our own source
        made = namespace[type(model).__name__]()
        assert made.state_dict().keys() == model.state_dict().keys(), name


def test_base_classes_and_constants_come_before_what_uses_them() -> None:
    text = shown("equalize.not-homogeneous/hazard-relu6-module")
    assert text.startswith("from torch import ")
    assert text.index("class LinearPair(") < text.index("class HazardRelu6Module(LinearPair)")


def test_large_network_is_cut() -> None:
    text = shown("equalize.vision/squeezenet1_1")
    assert "more lines" in text
    assert "26 layer calls, all judged by their function alone" in text
    assert len(text.splitlines()) < 80


def test_network_with_something_else() -> None:
    assert "class ChainThreeLayers" in shown(
        "equalize.modes-do-not-matter/chain-three-layers-with-gradients"
    )


def test_what_is_no_network_has_no_portrait() -> None:
    assert shown("scale.mismatch/fewer") == ""
