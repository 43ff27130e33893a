"""`preconsult staff`: the link is the only output on stdout, and a rejection is one clear line."""

import re
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.cli.test_cli import run  # noqa: F401 - the fixture

Run = Callable[..., Result]
LINK = re.compile(r"http://127\.0\.0\.1:8000/staff/welcome#[\w-]{43}\n")
ANN = ("staff", "add", "ann@clinic.example", "--role", "administrator")


@pytest.mark.parametrize(
    "arguments",
    [["staff", "add"], ["staff", "add", "a@c.example"], ["staff", "add", "a@c.example", "--role", "boss"],
     ["staff", "disable"], ["staff", "reset"]],
)  # fmt: skip
def test_wrong_usage_is_status_2(run: Run, arguments: list[str]) -> None:  # noqa: F811
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["staff", "add", "nowhere", "--role", "reviewer"], "e-mail address"),
        (["staff", "add", "a@c.example", "--role", "reviewer", "--name", "x" * 101], "at most 100"),
        (["staff", "disable", "nobody@clinic.example"], "nobody with this e-mail address"),
        (["staff", "reset", "a\0b"], "nobody with this e-mail address"),
    ],
)
def test_what_is_refused_is_one_clear_line(run: Run, arguments: list[str], told: str) -> None:  # noqa: F811
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.strip().splitlines()) == 1
    assert told in result.stderr


@pytest.mark.both_databases
def test_the_same_address_twice_and_the_last_administrator_are_refused(run: Run) -> None:  # noqa: F811
    assert run(*ANN).exit_code == 0
    assert run(*ANN).exit_code == 1
    assert "last administrator" in run("staff", "disable", "ann@clinic.example").stderr


@pytest.mark.both_databases
def test_a_link_stands_alone_on_stdout_and_somebody_can_be_listed_disabled_and_reset(
    run: Run,  # noqa: F811
) -> None:
    first = run(*ANN, "--role", "auditor", "--name", "Ann Lee")
    assert LINK.fullmatch(first.stdout)
    listed = run("staff", "list").stdout
    assert re.fullmatch(r"invited +administrator auditor  ann@clinic\.example  Ann Lee\n", listed)
    again = run("staff", "reset", "ANN@clinic.example", "--second-factor")
    assert LINK.fullmatch(again.stdout)
    assert again.stdout != first.stdout
    run("staff", "add", "ben@clinic.example", "--role", "administrator")
    assert run("staff", "disable", "ann@clinic.example").stdout == "ann@clinic.example is disabled.\n"
    assert run("staff", "list").stdout.startswith("disabled   administrator auditor  ann@clinic.example")
    assert run("staff", "reset", "ann@clinic.example").exit_code == 1
