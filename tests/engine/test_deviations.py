"""Known deviations in a run: the exit code, the verdict, and what files and reports say of them.

On the small suite, where the adapter `wrong` fails in one clause of each claim and level.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import eqconform
from eqconform.reading import read

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spec = Callable[[str], str]

DIRECT = ("-p", "no:cacheprovider", "-p", "no:benchmark", "--pyargs", "eqconform")

ENTRIES = {
    "scale": 'clause = "scale.root"\nreason = "It forgets the root."',
    "merged": 'clause = "observe.merged"\nreason = "It keeps the first minimum."',
    "same": 'clause = "equalize.same"\ncase = "lea*"\nreason = "It traces no snowman."\n'
    'issue = "https://example.org/wrong/7"',
    "engages": 'clause = "equalize.engages"\nreason = "It leaves narrow layers."',
}
STALE = 'clause = "observe.two"\nreason = "So it was once."'
CLOSING = (
    "wrong 1.0: not conformant - MUST 1/3 (2 known), SHOULD 0/1 (1 known), MAY 0/1 (1 known), "
    "3 fail, 1 error, 1 unsupported, 2 vacuous"
)


@pytest.fixture
def listing(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of given entries; its path."""

    def write(*entries: str) -> str:
        path = tmp_path / "known.toml"
        path.write_text("".join(f"[[deviation]]\n{entry}\n\n" for entry in entries))
        return str(path)

    return write


def test_known_failures_do_not_fail_the_run(
    command: Command, adapter: Spec, listing: Callable[..., str], tmp_path: Path
) -> None:
    """Exit code 0, and the verdict says what it said; report draws it from the file alone."""
    file = listing(*ENTRIES.values())
    done = command("run", adapter("wrong"), "--deviations", file, "--output", "o")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(f"{CLOSING}\n")
    for text in ("4 known deviations", "It traces no snowman.", "https://example.org/wrong/7"):
        assert text in done.stdout
    Path(file).unlink()
    report = command("report", "o/wrong.jsonl").stdout
    assert report.startswith(done.stdout.partition("\nResult file")[0])
    assert report.endswith(f"{CLOSING}\n")
    brief = command("report", "o/wrong.jsonl", "--brief").stdout
    assert "1/3 (2 known)" in brief
    _require_schema(tmp_path / "o" / "wrong.jsonl")


def _require_schema(path: Path) -> None:
    schema = json.loads((Path(eqconform.__file__).parent / "results.schema.json").read_text())
    for line in path.read_text().splitlines():
        jsonschema.validate(json.loads(line), schema)
    run = read(path)
    assert run.header.deviations is not None
    assert [entry.clause for entry in run.header.deviations.entries] == [
        "scale.root",
        "observe.merged",
        "equalize.same",
        "equalize.engages",
    ]
    listed = {case.id: case.deviation for case in run.cases if case.deviation is not None}
    assert listed == {
        "scale.root/four": 0,
        "observe.merged/only": 1,
        "equalize.same/leave": 2,
        "equalize.engages/only": 3,
    }


def test_a_failure_that_is_not_listed(
    command: Command, adapter: Spec, listing: Callable[..., str]
) -> None:
    """Exit code 1, and what is not listed is shown in full, at whatever level."""
    file = listing(*(entry for name, entry in ENTRIES.items() if name != "engages"))
    done = command("run", adapter("wrong"), "--deviations", file)
    assert done.returncode == 1
    assert "1 case not listed" in done.stdout.splitlines()[-1]
    assert "SHOULD equalize.engages: 1 of 1 case broken" in done.stdout
    assert "MUST scale.root: 1 of 1" not in done.stdout


def test_a_stale_entry(command: Command, adapter: Spec, listing: Callable[..., str]) -> None:
    """Listed but passing: the file is wrong, exit code 2."""
    file = listing(*ENTRIES.values(), STALE)
    done = command("run", adapter("wrong"), "--deviations", file)
    assert done.returncode == 2
    assert "observe.two: first, second passed" in done.stdout
    assert "1 stale in the list" in done.stdout.splitlines()[-1]


def test_a_part_of_the_suite_leaves_the_other_entries_alone(
    command: Command, adapter: Spec, listing: Callable[..., str]
) -> None:
    file = listing(*ENTRIES.values(), STALE)
    done = command("run", adapter("wrong"), "--deviations", file, "--claim", "scale")
    assert done.returncode == 0, done.stdout
    assert "stale" not in done.stdout


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('clause = "scale.rot"\nreason = "x"', "no clause is called 'scale.rot'"),
        ('clause = "scale.root"\ncase = "for"\nreason = "x"', "Did you mean four?"),
        ('clause = "equalize.same"\ncase = "l*e"\nreason = "x"', "listed more than once"),
    ],
)
def test_an_entry_that_is_wrong(
    command: Command, adapter: Spec, listing: Callable[..., str], entry: str, message: str
) -> None:
    """Exit code 2 before anything is judged."""
    file = listing(ENTRIES["same"], entry)
    done = command("run", adapter("wrong"), "--deviations", file)
    assert done.returncode == 2
    assert message in done.stderr
    assert not done.stdout


def test_entries_of_what_is_not_claimed(
    command: Command, adapter: Spec, listing: Callable[..., str]
) -> None:
    done = command("run", adapter("good"), "--deviations", listing(ENTRIES["merged"]))
    assert done.returncode == 2
    assert "good does not claim observe.merged" in done.stderr


def test_one_file_is_of_one_implementation(
    command: Command, adapter: Spec, listing: Callable[..., str]
) -> None:
    specs = (adapter("wrong"), adapter("good"))
    done = command("run", *specs, "--deviations", listing(ENTRIES["scale"]))
    assert done.returncode == 2
    assert "is of one implementation, and 2 were named" in done.stderr


def test_pytest_agrees(
    command: Command, adapter: Spec, listing: Callable[..., str], tmp_path: Path
) -> None:
    """A known failure is an expected one, and the session succeeds where the run would."""
    options = ("--impl", adapter("wrong"), "--eqconform-output", "o", "--eqconform-deviations")
    file = listing(*ENTRIES.values())
    for more in ((), ("-n", "2")):
        done = command(*DIRECT, *options, file, *more, module="pytest")
        assert done.returncode == 0, done.stdout
        assert CLOSING in done.stdout
        assert "8 passed, 3 skipped, 4 xfailed" in done.stdout
        assert read(tmp_path / "o" / "wrong.jsonl").header.deviations is not None
    done = command(*DIRECT, *options, "none", module="pytest")
    assert done.returncode == 1
    done = command(*DIRECT, *options, listing('clause = "scale.root"'), module="pytest")
    assert done.returncode == 4
    assert "it has no reason" in done.stderr


def test_written_from_a_run(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """What was written makes the run succeed, is kept, and says what has changed since."""
    spec, file = adapter("wrong"), tmp_path / "deviations-wrong.toml"
    done = command("deviations", "write", spec)
    assert done.returncode == 0, done.stderr
    assert "0 kept, 0 gone, 4 new" in done.stdout
    assert "+ equalize.same (leave)" in done.stdout
    checked = command("deviations", "check", str(file))
    assert checked.returncode == 0
    assert "warning: equalize.same (leave): its reason is still what was" in checked.stderr
    assert "say what the implementation does wrong, and where" in checked.stderr
    assert command("run", spec, "--deviations", str(file)).returncode == 0
    before = file.read_text()
    again = command("deviations", "write", spec, "--from", "results/wrong.jsonl")
    assert "4 kept, 0 gone, 0 new" in again.stdout
    assert file.read_text() == before
    assert before.count("[[deviation]]") == 4
    assert before.count("case = ") == 1


def test_written_from_the_run_of_another(command: Command, adapter: Spec) -> None:
    assert command("run", adapter("good"), "--clause", "scale.*").returncode == 0
    done = command("deviations", "write", "identity", "--from", "results/good.jsonl")
    assert done.returncode == 2
    assert "not of identity" in done.stderr


def test_checked_without_a_file(command: Command) -> None:
    done = command("deviations", "check", "identity")
    assert done.returncode == 2
    assert "no deviations of it ship" in done.stderr


def test_reasons_in_words_need_no_warning(command: Command, tmp_path: Path) -> None:
    """Not even where they speak of what was observed; of a cause one warning is enough."""
    (tmp_path / "known.toml").write_text(
        '[cause.raw]\nreason = "Observed on scale.root/four: fail, expected 2; observed 4."\n'
        '[[deviation]]\nclause = "scale.root"\ncause = "raw"\n'
        '[[deviation]]\nclause = "equalize.same"\ncause = "raw"\n'
        '[[deviation]]\nclause = "equalize.engages"\nreason = "Slow, as observed on a: fail."\n'
    )
    checked = command("deviations", "check", "known.toml")
    assert checked.returncode == 0
    (warning, _) = checked.stderr.splitlines()
    assert warning == "warning: cause raw: its reason is still what was observed"
