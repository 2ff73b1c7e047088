"""The pytest plugin: `pytest --pyargs eqconform --impl IMPL`; inert unless `--impl` is given.

It is imported by every pytest session of the environment, so it imports nothing heavy, torch
least of all. The work is done by `eqconform.engine.judging` where tests run and by
`eqconform.engine.recording` where reports arrive; without xdist both are in one process.
"""

import pytest

from eqconform.selection import BUDGETS, DEVICES, Selection, UsageError, validated


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; all but `--impl` mean nothing without it."""
    add = parser.getgroup("eqconform", "conformance of an equalization pass").addoption
    add("--impl", metavar="IMPL", help="judge this one: name, module:Class or file.py:Class")
    add("--claim", action="append", default=[], metavar="CLAIM", help="judge this claim alone")
    add("--clause", action="append", default=[], metavar="GLOB", help="judge these clauses alone")
    add("--case-timeout", type=float, metavar="SECONDS", help="time limit of a case")
    add("--eqconform-memory", type=float, metavar="GB", help="memory limit of an xdist worker")
    add("--eqconform-budget", choices=BUDGETS, default="quick", help="how many cases")
    add("--eqconform-device", choices=DEVICES, default="cpu", help="where to judge")
    add("--eqconform-case", metavar="CASE", help="judge this case alone")
    add("--eqconform-shard", metavar="I/N", help="judge the cases of one of N parts alone")
    add("--eqconform-deviations", metavar="FILE", help="TOML of what is known to be wrong, or none")
    add("--eqconform-pinned", metavar="FILE", help="judge the networks pinned in it as well")
    add("--eqconform-output", metavar="DIR", help="write a result file into this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Take up the work that falls to this process, if any."""
    spec = config.getoption("--impl")
    if spec is None:
        return
    from eqconform.engine.direct import ConfigurationError, activate  # noqa: PLC0415  not without --impl

    try:
        activate(config, spec, validated(_selection(config)))
    except (UsageError, ConfigurationError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without an implementation there is nothing to test, and silence would look like success."""
    if "eqconform_case" in metafunc.fixturenames and metafunc.config.getoption("--impl") is None:
        raise pytest.UsageError("say which implementation to judge: --impl IMPL")


def _selection(config: pytest.Config) -> Selection:
    return Selection(
        claims=tuple(config.getoption("--claim")),
        globs=tuple(config.getoption("--clause")),
        case=config.getoption("--eqconform-case"),
        budget=config.getoption("--eqconform-budget"),
        device=config.getoption("--eqconform-device"),
        case_timeout=config.getoption("--case-timeout"),
        pinned=config.getoption("--eqconform-pinned"),
        memory=config.getoption("--eqconform-memory"),
        shard=config.getoption("--eqconform-shard"),
    )
