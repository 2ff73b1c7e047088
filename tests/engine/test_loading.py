"""A spec leads to an adapter, or to a message that says which spec and why not."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from eqconform import Implementation, LoadError, load
from eqconform.adapters.identity import Identity
from eqconform.engine.integrity import load_intact
from eqconform.loading import spec_of

Spec = Callable[[str], str]


def test_registered_name() -> None:
    assert load("identity").name == "identity"


def test_module_and_attribute() -> None:
    assert load("eqconform.adapters.identity:Identity").name == "identity"


def test_module_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import eqconform\nclass Mine(eqconform.Implementation):\n    name = 'mine'\n"
    (tmp_path / "module_beside.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert load("module_beside:Mine").name == "mine"


@pytest.mark.parametrize("spec", ["good:Good", "good"])
def test_file(adapter: Spec, spec: str) -> None:
    """The attribute may be left out where the file defines one adapter."""
    assert load(adapter(spec)).name == "good"


def test_instance(adapter: Spec) -> None:
    assert load(adapter("refused:instance")).name == "empty"


@pytest.mark.parametrize("named", ["good", "good:Good", "refused:instance"])
def test_a_loaded_implementation_is_loaded_again_by_its_spec(adapter: Spec, named: str) -> None:
    made = load(adapter(named))
    assert spec_of(made) == adapter(named)
    assert load(spec_of(made)).name == made.name


def test_one_made_by_hand_is_loaded_again_from_where_its_class_stands() -> None:
    assert spec_of(Identity()) == "eqconform.adapters.identity:Identity"


def test_class_of_a_file_can_be_pickled(adapter: Spec) -> None:
    """A model of a class that the adapter's file defines survives pickle."""
    made = load(adapter("good"))
    assert isinstance(pickle.loads(pickle.dumps(made)), type(made))  # noqa: S301  our own bytes


def test_file_is_imported_once(adapter: Spec) -> None:
    assert type(load(adapter("good"))) is type(load(adapter("good")))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("refused:Nameless", "it has no name"),
        ("refused:Raising", "its constructor raised ValueError: no licence key"),
        ("refused:Leaving", "its constructor raised SystemExit(3)"),
        ("refused:Formula", "its formula is 'golden ratio', not one of range, absmax, none"),
        ("refused:Version", "its version is 2.0, not a string"),
        ("refused:Colourful", "its name, version or homepage holds control characters"),
        ("refused:NotOne", "it is the class NotOne, and not an eqconform.Implementation"),
        ("refused:number", "it is a int, 7, and not an eqconform.Implementation"),
        ("refused:Implementation", "it is eqconform.Implementation itself"),
        ("refused:Emtpy", "there is no 'Emtpy'; did you mean 'Empty'?"),
        ("refused:", "nothing follows the colon"),
        (
            "refused",
            "it defines Nameless, Raising, Leaving, Formula, Version, Colourful, Empty; say which",
        ),
        ("missing", "there is no file"),
        ("exits_at_import", "importing it raised SystemExit('go away')"),
    ],
)
def test_refused(adapter: Spec, spec: str, reason: str) -> None:
    """Each message names the spec and says what is wrong with it."""
    with pytest.raises(LoadError) as refused:
        load(adapter(spec))
    assert reason in str(refused.value)
    assert adapter(spec) in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (":", "nothing stands before the colon; an adapter of your own is path/to/file.py:Class"),
        (" :Class", "nothing stands before the colon"),
        (
            "identty",
            "did you mean 'identity'? known are identity, reference, reference_careful, torch_ao",
        ),
        ("no_such_module:Mine", "importing it raised ModuleNotFoundError"),
        (r"C:\adapters\mine.py:Mine", r"there is no file 'C:\\adapters\\mine.py'"),
        (r"C:\adapters\mine.py", r"there is no file 'C:\\adapters\\mine.py'"),
        ("", "no implementation has this name"),
    ],
)
def test_unknown(spec: str, reason: str) -> None:
    with pytest.raises(LoadError) as refused:
        load(spec)
    assert reason in str(refused.value)


def test_syntax_error_is_shown_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1\n\nclass Broken(\n")
    with pytest.raises(LoadError, match=r"syntax error in .*broken\.py, line 3"):
        load(str(broken))


def test_a_second_attempt_says_the_same(tmp_path: Path) -> None:
    """A file that failed to import is not taken for an empty module."""
    broken = tmp_path / "raises.py"
    broken.write_text("raise ValueError('not today')\n")
    for _ in range(2):
        with pytest.raises(LoadError, match="not today"):
            load(str(broken))


def test_claims_follow_from_overriding(adapter: Spec) -> None:
    assert load(adapter("good")).claims("equalize")
    assert not load(adapter("good")).claims("merge_ranges")
    assert issubclass(type(load(adapter("good"))), Implementation)


def test_an_adapter_that_patches_at_import_is_refused(adapter: Spec) -> None:
    """Every verdict would rest on what it put there; and what it replaced is put back."""
    before = torch.equal
    with pytest.raises(LoadError, match=r"importing it changed torch\.equal, on which judging"):
        load_intact(adapter("patches_at_import"))
    assert torch.equal is before
