"""What a page shows is compared with what came out: neither too strictly nor too kindly."""

import pytest
from pages import changed, commands
from shown import differences


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        ("", "anything"),
        ("a b", "a\n b\n"),
        ("... c", "a b c"),
        ("a ...", "a b c"),
        ("a ... d", "a b c d"),
        ("a ... b ... c", "a x b x b c"),
        ("8 cases in 10 s", "8 cases in 7 s"),
        ("on torch 2.15.0+cpu, cpu", "on torch 2.4.1, cpu"),
        ("31.2 dB", "31.3 dB"),
    ],
)
def test_the_same(shown: str, actual: str) -> None:
    assert not differences(shown, actual)


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        ("a b", "a"),
        ("a", "a b"),
        ("b", "a b"),
        ("a ... d", "a b c"),
        ("... b", "a b c"),
        ("8 cases", "9 cases"),
        ("31.2 dB", "29.9 dB"),
        ("31.2 dB", "31 dB"),
        ("a", ""),
    ],
)
def test_another(shown: str, actual: str) -> None:
    assert differences(shown, actual)


def test_commands_with_and_without_output() -> None:
    found = list(commands("$ one\n$ two \\\n>   more\nout\nput\n"))
    assert [each.line for each in found] == ["one", "two \\\n  more"]
    assert [each.shown for each in found] == ["", "out\nput\n"]


def test_a_diff_is_carried_out_where_it_fits() -> None:
    text = "a\nb\n\nc\n"
    assert changed(text, " a\n-b\n+B\n@@\n \n-c\n", "x") == "a\nB\n\n"
    with pytest.raises(AssertionError, match="found 0 times"):
        changed(text, "-x\n+y\n", "page.md:3")


def test_figures_may_be_any_where_they_depend_on_much() -> None:
    assert not differences("a1: 93.1%, -0.2 dB, 3", "a1: 12.0%, 7 dB, 4", figures=False)
    assert differences("a1: 93.1%", "a2: 93.1%", figures=False)
