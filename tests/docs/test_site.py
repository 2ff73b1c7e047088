"""The site holds what there is: all public names, clauses and causes, and links that lead on."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from assemble import assemble
from borrowed import relinked, with_anchors

from eqconform.deviations.reading import shipped
from eqconform.registry import clauses

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    assemble(folder)
    return folder


@pytest.mark.parametrize(
    ("page", "package"),
    [
        ("contract", "eqconform"),
        ("reference", "eqconform_reference"),
        ("models", "eqconform_models"),
    ],
)
def test_every_public_name_has_its_place(page: str, package: str) -> None:
    named = _named(page)
    module = import_module(package)
    assert sorted(each.rpartition(".")[2] for each in named) == sorted(module.__all__)
    for path in named:
        home, _, name = path.rpartition(".")
        assert getattr(import_module(home), name) is getattr(module, name), path


def test_the_benchmark_page_names_what_there_is() -> None:
    for path in _named("benchmarks"):
        home, _, name = path.rpartition(".")
        assert hasattr(import_module(home), name), path


def test_pages_are_assembled_without_scripts(pages: Path) -> None:
    assert {"index.md", "specification.md", "findings.md"} <= {
        each.name for each in pages.iterdir()
    }
    assert not list(pages.rglob("*.py"))


def test_every_clause_can_be_linked_to(pages: Path) -> None:
    text = (pages / "specification.md").read_text(encoding="utf-8")
    assert set(re.findall(r'<a id="([\w.-]+)">', text)) == set(clauses())


def test_every_cause_is_told(pages: Path) -> None:
    text = (pages / "findings.md").read_text(encoding="utf-8")
    listed = shipped("torch_ao")
    assert listed is not None
    told = re.findall(r"^### `([\w-]+)`$", text, flags=re.MULTILINE)
    assert sorted(told) == sorted({str(entry.cause) for entry in listed.entries})
    assert set(re.findall(r"specification\.md#([\w.-]+)", text)) == {
        entry.clause for entry in listed.entries
    }


def test_links_lead_to_pages() -> None:
    text = "[a](docs/benchmarks.md#x) [b](conformance/eqconform/SPEC.md) [c](https://x.org) [d](#e)"
    assert relinked(text, "README.md") == (
        "[a](benchmarks.md#x) [b](specification.md) [c](https://x.org) [d](#e)"
    )
    schema = relinked("[s](results.schema.json)", "conformance/eqconform/SPEC.md")
    assert schema == "[s](results.schema.json)"


def test_anchors_are_ids() -> None:
    assert with_anchors("- **`a.b-c`** [MUST] x") == '- <a id="a.b-c"></a>**`a.b-c`** [MUST] x'


def _named(page: str) -> list[str]:
    text = (CHECKOUT / "docs" / "api" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^::: ([\w.]+)$", text, flags=re.MULTILINE)
