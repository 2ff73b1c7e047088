"""`eqconform run` reaches its end whatever the implementation does, and says what it did."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import eqconform
from eqconform.exclusive import open_alone
from eqconform.reading import read
from eqconform.results import ResultError

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spec = Callable[[str], str]


def statuses(path: Path) -> dict[str, str]:
    return {case.id: case.status for case in read(path).cases}


def test_right_wrong_and_out_of_scope(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """Several implementations: a file each, the worst exit code, a closing line for each."""
    specs = [adapter("good"), adapter("scoped:Scoped"), adapter("scoped:Nothing")]
    done = command("run", *specs, "--output", "o")
    assert done.returncode == 1
    # On a slow machine, nothing but signs of life.
    assert all(re.search(r"cases|importing it", line) for line in done.stderr.splitlines())
    assert done.stdout.endswith(
        """
good 1.0: conformant - MUST 3/3, SHOULD 1/1
scoped 1.0: conformant - MUST 3/3, SHOULD 1/1, 8 unsupported
nothing 1.0: not conformant - MUST 2/3, SHOULD 0/1, 11 unsupported
"""
    )
    assert "8 unsupported: documented as out of scope" in done.stdout
    assert set(statuses(tmp_path / "o" / "good.jsonl").values()) == {"pass"}
    assert statuses(tmp_path / "o" / "scoped.jsonl")["equalize.same/interrupt"] == "unsupported"
    _require_schema(tmp_path / "o" / "good.jsonl")


def _require_schema(path: Path) -> None:
    schema = json.loads((Path(eqconform.__file__).parent / "results.schema.json").read_text())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)
    header, footer = lines[0], lines[-1]
    assert header["planned"] == len(lines) - 2
    assert header["not_claimed"] == ["observe.merged"]
    assert header["implementation"]["claims"] == ["observe", "scale", "equalize"]
    assert footer["conformant"] is True


def test_trouble_of_every_kind(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """Whatever `equalize` does, it costs its own case alone, with one worker as well."""
    done = command("run", adapter("troubled:Troubled"), "--case-timeout", "2")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    run = read(tmp_path / "results" / "troubled.jsonl")
    found = {case.id.removeprefix("equalize.same/"): case for case in run.cases}
    assert run.counts == {
        **dict.fromkeys(run.counts, 0),
        "pass": 5,
        "error": 4,
        "crash": 2,
        "timeout": 3,
    }
    for name, (status, message) in {
        "leave": ("error", "equalize() raised SystemExit: done for today"),
        "interrupt": ("error", "the implementation raised KeyboardInterrupt: "),
        "skip": ("error", "the implementation raised Skipped: nothing to see"),
        "mute": ("error", "equalize() raised UnspeakableError: (a message that raises"),
        "die": ("crash", "the process died: it ended without a word"),
        "segfault": ("crash", "the process died: Fatal Python error: Segmentation fault"),
        "hang": ("timeout", "no result within 2 s"),
        "hang[c]": ("timeout", "no result within 2 s, and could not be interrupted"),
        "shrug": ("timeout", "no result within 2 s"),
    }.items():
        assert (found[name].status, found[name].message[: len(message)]) == (status, message)
    assert found["hang"].output is None  # no stacks of threads pass for what it printed


def test_changed_globals_and_garbage(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """What one case changes and prints reaches neither the next case nor the output."""
    done = command("run", adapter("untidy:Sensitive"))
    assert done.returncode == 0, done.stdout
    assert "garbage" not in done.stdout + done.stderr
    assert set(statuses(tmp_path / "results" / "sensitive.jsonl").values()) == {"pass"}


def test_control_that_changes_nothing(command: Command, tmp_path: Path) -> None:
    done = command("run", "identity")
    assert done.returncode == 1
    assert read(tmp_path / "results" / "identity.jsonl").counts["vacuous"] == 10
    assert "NOT SHOWN: 10 vacuous" in done.stdout


def test_budget(command: Command, adapter: Spec, tmp_path: Path) -> None:
    assert command("run", adapter("good"), "--budget", "full", "--claim", "scale").returncode == 0
    found = statuses(tmp_path / "results" / "good.jsonl")
    assert sorted(found) == ["scale.root/four", "scale.root/nine"]


def test_fault_of_the_suite(command: Command, adapter: Spec) -> None:
    """A check that is broken is not held against the implementation, and not passed over."""
    done = command("run", adapter("good"), "--claim", "observe", TINY_CHECK_FAULT="1")
    assert done.returncode == 4
    assert "the check raised RuntimeError: the check itself is wrong" in done.stdout


def test_hostile_folder(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """Configuration, conftest, plugins and modules of the working folder take no part."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --maxfail=1 --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('conftest was imported')\n")
    (tmp_path / "test_clauses.py").write_text("raise SystemExit('the wrong tests')\n")
    if sys.version_info >= (3, 11):
        (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')\n")
    before = set(tmp_path.iterdir())
    done = command(
        "run",
        adapter("good"),
        "--clause",
        "scale.*",
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="no_such_plugin",
        PYTHONSAFEPATH="1",  # as the console script, which does not put this folder on the path
    )
    assert done.returncode == 0, done.stderr
    assert set(tmp_path.iterdir()) - before == {tmp_path / "results"}


def test_adapter_that_can_not_start(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """Exit code 3 with the reason; the other implementation is judged all the same."""
    (tmp_path / "broken.py").write_text("class Broken(\n")
    done = command(
        "run",
        "broken.py",
        adapter("dies_at_import"),
        adapter("floods_at_import"),
        adapter("good"),
        "--clause",
        "scale.*",
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "cannot load 'broken.py': syntax error" in done.stderr
    assert "the process that imported it ended with exit status 9\n" in done.stderr
    assert "ended with exit status 9 (too much said)" in done.stderr
    assert len(done.stderr) < 3000
    assert "good 1.0: conformant" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clause", "nosuch.*"], "no clause matches 'nosuch.*'"),
        (["--clause", "scale"], "It is a claim: --claim scale, or --clause 'scale.*'."),
        (["--claim", "scal"], "no claim is called 'scal'. Did you mean scale?"),
        (["--claim", "quantize"], "only clauses that are not judged yet"),
        (["--output", "file/below"], "cannot write into file/below"),
        (["--output", "file"], "file is a file; --output takes the folder"),
        (["--budget", "huge"], "no budget is called 'huge'"),
        (["--case-timeout", "nan"], "a case timeout of nan s is no time limit"),
    ],
)
def test_usage(
    command: Command, adapter: Spec, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """Exit code 2 and a message without a traceback."""
    (tmp_path / "file").touch()
    done = command("run", adapter("good"), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_device_that_is_not_there(command: Command, adapter: Spec) -> None:
    done = command("run", adapter("good"), "--device", "cuda", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert "sees no CUDA device" in done.stderr


def test_names_that_no_file_can_have(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """However an implementation is called, its file is in the folder, and is its own."""
    names = ("LongName", "LongerName", "Dots", "Separators")
    done = command("run", *(adapter(f"named:{name}") for name in names), "--claim", "scale")
    assert done.returncode == 0, done.stderr
    assert set(tmp_path.iterdir()) == {tmp_path / "results"}
    files = list((tmp_path / "results").iterdir())
    assert {read(file).header.implementation["spec"] for file in files} == {
        adapter(f"named:{name}") for name in names
    }


def test_a_folder_in_use(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """A second run of the same implementation is refused, and the first one's file is left."""
    path = tmp_path / "results" / "good.jsonl"
    path.parent.mkdir()
    with open_alone(path) as first:
        first.write("what the first run has found so far")
        first.flush()
        done = command("run", adapter("good"))
        assert done.returncode == 2
        assert "another run of the same implementation is writing results/good.jsonl" in done.stderr
        assert path.read_text() == "what the first run has found so far"


def test_two_files_of_one_name(command: Command, adapter: Spec) -> None:
    done = command("run", adapter("good"), adapter("good:Good"))
    assert done.returncode == 2
    assert "would both be written to good.jsonl" in done.stderr


def test_claim_that_is_not_claimed(command: Command, tmp_path: Path) -> None:
    """Nothing checked is never success, and no reason to lose what an earlier run found."""
    path = tmp_path / "results" / "identity.jsonl"
    done = command("run", "identity", "--claim", "scale")
    assert done.returncode == 1
    assert "nothing was checked" in done.stdout
    assert "Claims not claimed: scale" in done.stdout
    assert read(path).cases == ()
    command("run", "identity", "--clause", "equalize.same")
    earlier = path.read_text()
    assert read(path).cases
    done = command("run", "identity", "--claim", "scale")
    assert done.returncode == 1
    assert "nothing was checked" in done.stdout
    assert "Result file: results/identity.jsonl is as an earlier run left it" in done.stdout
    assert path.read_text() == earlier


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    private_suite: Path, adapter: Spec, tmp_path: Path, number: signal.Signals
) -> None:
    """A run that is stopped says so, exits with 130, and leaves a file that says so too."""
    arguments = ["run", adapter("troubled:Slow"), "--jobs", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "eqconform", *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(private_suite), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, a shell has told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads
    )
    path = tmp_path / "results" / "slow.jsonl"
    _wait_for(lambda: path.is_file() and path.read_text().count("\n") > 3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: results/slow.jsonl is incomplete, " in errors
    assert "; see eqconform report --partial results/slow.jsonl" in errors
    assert "Traceback" not in errors
    with pytest.raises(ResultError, match=r"incomplete: \d+ of 14 cases"):
        read(path)


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(1)


def test_shards_make_a_run(command: Command, adapter: Spec, tmp_path: Path) -> None:
    """Two parts, judged apart and merged, are what one run judges; one part alone is none."""
    for shard in ("1/2", "2/2"):
        done = command("run", adapter("good"), "--shard", shard, "--output", "o")
        assert done.returncode == 0, done.stderr
        assert f"good 1.0: shard {shard}, nothing broken - MUST" in done.stdout
    whole = command("run", adapter("good"), "--output", "o")
    paths = [f"o/good.shard-{number}-of-2.jsonl" for number in (1, 2)]
    done = command("merge", "o/merged.jsonl", *paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]
    assert statuses(tmp_path / "o" / "merged.jsonl") == statuses(tmp_path / "o" / "good.jsonl")
    _require_schema(tmp_path / "o" / "merged.jsonl")
    done = command("merge", "o/again.jsonl", paths[0])
    assert done.returncode == 2
    assert "missing of 2 shards: 2/2" in done.stderr
