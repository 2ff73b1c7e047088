"""A deviations file is held to its rules: every mistake is an error that names entry and value."""

from pathlib import Path

import pytest

from eqconform.deviations.entries import Deviation, Listed
from eqconform.deviations.reading import listed_for, parse, read, shipped
from eqconform.selection import UsageError

RIGHT = """
[[deviation]]
clause = "scale.formula"
case = ["wide-*", "hang[c]"]
reason = \"\"\"
It forgets the root,
in one place.\"\"\"
issue = "https://example.org/1"
torch = ">=2.1,<2.16"
version = "==1.*"
"""


def entry(**values: object) -> str:
    lines = {"clause": "scale.formula", "reason": "It is wrong.", **values}
    return "[[deviation]]\n" + "\n".join(
        f"{key} = {value!r}" for key, value in lines.items() if value is not None
    )


def test_an_entry_is_read_whole() -> None:
    listed = parse(RIGHT, "f.toml")
    assert listed == Listed(
        "f.toml",
        (
            Deviation(
                clause="scale.formula",
                reason="It forgets the root, in one place.",
                cases=("wide-*", "hang[c]"),
                issue="https://example.org/1",
                torch=">=2.1,<2.16",
                version="==1.*",
            ),
        ),
    )


def test_a_reason_that_is_shared() -> None:
    text = """
[cause.root]
reason = "It forgets the root."
issue = "https://example.org/1"

[[deviation]]
clause = "scale.formula"
cause = "root"

[[deviation]]
clause = "scale.shape"
cause = "root"
issue = "https://example.org/2"
"""
    first, second = parse(text, "f.toml").entries
    assert (first.cause, first.reason) == ("root", "It forgets the root.")
    assert second.reason == first.reason
    assert (first.issue, second.issue) == ("https://example.org/1", "https://example.org/2")


CAUSE = "[cause.root]\nreason = 'x'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (entry(reason=None, cause="root"), "no cause is called 'root'"),
        (CAUSE + entry(reason=None, cause="roots"), "Did you mean root"),
        (CAUSE + entry(cause="root"), "a reason and a cause"),
        ("cause = 1\n" + entry(), "cause is not a table of causes"),
        ("[cause.root]\n" + entry(), "cause root: it has a reason"),
        ("[cause.root]\nreason = ''\n" + entry(), "cause root: its reason is not text"),
        (CAUSE + "clause = 'x'\n" + entry(), "and nothing else"),
        ("[[deviation]", "f.toml is not TOML"),
        ("deviation = 1", "not a list of tables"),
        ("[[deviations]]\nclause = 'x'", "unknown key 'deviations'"),
        (entry(clause=None), r"entry 1 \(without clause\): it has no clause"),
        (entry(clause="scale.formul"), "no clause is called 'scale.formul'. Did you mean scale.f"),
        (entry(clause=7), "its clause is not text"),
        (entry(reason=None), "it has no reason"),
        (entry(reason="  "), "its reason is not text, or empty"),
        (entry(raeson="x"), "unknown key 'raeson'. Did you mean reason"),
        (entry(case=[]), "its case is neither"),
        (entry(case=["a", 1]), "its case is neither"),
        (entry(case=""), "its case is neither"),
        (entry(torch="2.15 or so"), "its torch is no version range"),
        (entry(version=">>1"), "its version is no version range"),
        (entry(torch=">=3,<2"), "its torch is a range that no version is in: '>=3,<2'"),
        (entry(torch=">2.1,==2.1"), "its torch is a range that no version is in"),
        (entry(version=">=2,<3,!=2.*"), "its version is a range that no version is in"),
        (entry(torch="==2.15.0+cpu"), r"its torch names a build \(==2.15.0\+cpu\)"),
        (entry(torch="===2.15.0"), r"its torch names a build \(===2.15.0\)"),
        (entry(torch=2.15), "its torch is not text"),
        (entry(issue=""), "its issue is not text"),
        (entry() + "\n" + entry(reason="Again."), r"scale.formula \(\*\) is entered twice"),
        (entry(case=["a", "a"]), r"scale.formula \(a\) is entered twice"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        parse(text, "f.toml")
    assert str(refused.value).startswith("f.toml")


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        parse(entry(clause="no.such") + "\n" + entry(reason=""), "f.toml")
    first, *others = str(refused.value).splitlines()
    assert first == "f.toml: 2 mistakes"
    assert [line.strip().partition(" (")[0] for line in others] == ["entry 1", "entry 2"]


def test_the_same_cases_for_other_versions_are_no_duplicate() -> None:
    text = entry(torch="<2.10") + "\n" + entry(torch=">=2.10")
    assert len(parse(text, "f.toml").entries) == 2


@pytest.mark.parametrize(
    ("cases", "subject", "listed"),
    [
        ((), "anything", True),
        (("a", "b-*"), "b-1", True),
        (("a", "b-*"), "c", False),
        (("hang[c]",), "hang[c]", True),  # a name with brackets, which a pattern would not match
        (("B-*",), "b-1", False),
    ],
)
def test_which_cases_are_listed(cases: tuple[str, ...], subject: str, listed: bool) -> None:
    found = Deviation("scale.formula", "x", cases)
    assert found.lists(f"scale.formula/{subject}") is listed
    assert not found.lists(f"scale.shape/{subject}")


@pytest.mark.parametrize(
    ("torch", "version", "applies"),
    [
        (None, None, True),
        (">=2.15", None, True),
        (">=2.16", None, False),
        ("==2.15.*", None, True),
        ("<=2.15.0", None, True),  # a build, +cpu, is the version that it is a build of
        (None, "<1", False),
        (">=2.15", "==1.0", True),
    ],
)
def test_versions(torch: str | None, version: str | None, applies: bool) -> None:
    found = Deviation("scale.formula", "x", torch=torch, version=version)
    assert found.applies(torch="2.15.0+cpu", version="1.0") is applies


@pytest.mark.parametrize(
    ("found", "release"),
    [
        ("2.16.0.dev20260101+cpu", "2.16"),
        ("2.16.0rc1", "2.16"),
        ("2.6.0a0+df5bbc09d1.nv24.12", "2.6"),
        ("2.15.1+cu130", "2.15"),
        ("2.15.0.post1", "2.15"),
    ],
)
def test_every_version_is_on_one_side(found: str, release: str) -> None:
    """A pre-release is on that of the release that it comes before."""
    for torch, applies in ((f"<{release}", False), (f">={release}", True)):
        assert Deviation("x", "y", torch=torch).applies(torch=found, version="1") is applies


def test_a_range_of_pre_releases() -> None:
    """One that names them is compared with them as they are."""
    found = Deviation("scale.formula", "x", torch=">=2.16.0rc2")
    assert not found.applies(torch="2.16.0rc1", version="1.0")
    assert found.applies(torch="2.16.0rc2+cpu", version="1.0")


@pytest.mark.parametrize(
    "wanted", ["<2.1", ">2.1,<2.2", "!=2.1.*,>=2.1", "<2,!=0.*", "~=2.6", "==1!2.*", "<2.16rc1"]
)
def test_ranges_that_hold_a_version(wanted: str) -> None:
    (found,) = parse(entry(torch=wanted), "f.toml").entries
    assert found.torch == wanted


def test_a_version_that_is_none() -> None:
    found = Deviation("scale.formula", "x", version=">=1")
    with pytest.raises(UsageError, match="'main' is no version that '>=1' can be compared with"):
        found.applies(torch="2.15", version="main")
    assert Deviation("scale.formula", "x").applies(torch="2.15", version="main")


def test_which_file_a_run_goes_by(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_text(RIGHT)
    assert listed_for("reference", str(path)) == read(path)
    assert listed_for("torch_ao", "none") is None
    assert listed_for("reference", None) is None
    assert listed_for("path/to/torch_ao.py:TorchAo", None) is None
    assert listed_for("torch_ao", None) == shipped("torch_ao")
    with pytest.raises(UsageError, match="cannot read the deviations file"):
        listed_for("reference", str(tmp_path / "none.toml"))
