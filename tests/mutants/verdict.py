"""The verdict of the tests on one fault.

Responsible for: running pytest in a workspace within a time limit, and reading its report. Never: takes an
error of collection, of pytest itself or a time limit for a failed test.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from tests.mutants.fault import Fault
from tests.mutants.workspace import Workspace

UNUSED = ("cacheprovider", "randomly", "schemathesis")  # plugins; the last takes seconds to import
OPTIONS = ("-q", "-o", "junit_family=xunit1", *(f"-pno:{name}" for name in UNUSED))
FAILED_TESTS, ALL_PASSED = 1, 0  # exit statuses of pytest
SLOW = 3  # a slow fault has this many times the limit
WHOLE_SUITE = 4 * 3600.0  # seconds
PHASES = ("failed on setup", "failed on teardown")
Outcome = Literal["caught", "SURVIVED", "unsound", "undecided"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest. `failed`: node ids of tests that failed; `trouble`: why there is no verdict."""

    seconds: float
    failed: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`test`: the node id that decided; `seconds`: how long the tests ran with the fault."""

    fault: Fault
    outcome: Outcome
    seconds: float
    test: str = ""
    note: str = ""


def decide(workspace: Workspace, fault: Fault, limit: float, *, whole: bool) -> Verdict:
    """Plant the fault and run its tests; with `whole`, all tests if those do not detect it."""
    with workspace.with_fault(fault):
        run = pytest_run(workspace, ("-x", *fault.tests), limit * (SLOW if fault.slow else 1))
        if whole and not run.failed and not run.trouble:
            processes = ("-x", "-n", str(os.cpu_count() or 2), "--dist=worksteal")
            run = pytest_run(workspace, processes, WHOLE_SUITE)
    if run.trouble:
        return Verdict(fault, "undecided", run.seconds, note=run.trouble)
    if not run.failed:
        return Verdict(fault, "SURVIVED", run.seconds)
    return Verdict(fault, "caught", run.seconds, run.failed[0])


def controlled(workspace: Workspace, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts, after the tests that failed with a fault were run once more without any fault."""
    unsound = _failing(workspace, sorted({each.test for each in verdicts if each.test}))
    note = "the test fails without the fault"
    return [
        replace(each, outcome="unsound", note=note) if each.test in unsound else each for each in verdicts
    ]


def _failing(workspace: Workspace, tests: Sequence[str]) -> set[str]:
    """The tests that do not pass. If a run comes to no verdict, each half is run separately."""
    run = pytest_run(workspace, tests, WHOLE_SUITE) if tests else Run(0.0)
    if run.trouble and len(tests) > 1:
        middle = len(tests) // 2
        return _failing(workspace, tests[:middle]) | _failing(workspace, tests[middle:])
    return set(tests) if run.trouble else set(run.failed)


def pytest_run(workspace: Workspace, arguments: Sequence[str], limit: float) -> Run:
    """Run pytest in the workspace; every process it started is ended with it."""
    report = workspace.scratch / "report.xml"
    report.unlink(missing_ok=True)
    places = [f"--junitxml={report}", f"--basetemp={workspace.scratch / 'tests'}"]
    command = [workspace.python, "-m", "pytest", *OPTIONS, *places, *arguments]
    began, log = time.monotonic(), workspace.scratch / "pytest.log"
    with log.open("wb") as output:
        status = _status(command, workspace, output.fileno(), limit)
    seconds = time.monotonic() - began
    if status == ALL_PASSED:
        return Run(seconds)
    if status is None:
        return Run(seconds, trouble=f"the tests did not end within {limit:.0f} s")
    failed = tuple(_failures(report)) if status == FAILED_TESTS else ()
    return Run(seconds, failed, "" if failed else _tail(log, status))


def _status(command: Sequence[str], workspace: Workspace, output: int, limit: float) -> int | None:
    """The exit status of a command, or None if it was ended at the limit."""
    process = subprocess.Popen(
        command, cwd=workspace.root, env=workspace.environment, stdin=subprocess.DEVNULL,
        stdout=output, stderr=output, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own process group: what a test left running
        process.wait()


def _failures(report: Path) -> Iterator[str]:
    """The node ids of the tests whose call, setup or teardown failed."""
    with contextlib.suppress(OSError, ET.ParseError):
        for case in ET.parse(report).iter("testcase"):
            if _failed(case):
                file, classes = case.get("file", ""), case.get("classname", "").split(".")
                inner = classes[len(Path(file).parts) :]
                yield "::".join([file, *inner, case.get("name", "")])


def _failed(case: ET.Element) -> bool:
    if case.find("failure") is not None:
        return True
    return any(error.get("message", "").startswith(PHASES) for error in case.iter("error"))


def _tail(log: Path, status: int) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-6:]
    return f"pytest ended with status {status} and no failed test: " + " / ".join(lines)
