"""Clients that public generators make from openapi.json: typed, and used against a running server.

Never: mends a generated client by hand.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sample_answers import CARA
from tests.server import serving

ROOT = Path(__file__).parents[3]
DESCRIPTION = ROOT / "openapi" / "openapi.json"
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
TOOLS = ROOT / "tests" / "js" / "node_modules"
PATIENCE = 120

PYTHON = """
import os

from preconsult_client import AuthenticatedClient
from preconsult_client.api.bookings import create_v1_handoffs_post as hand_off
from preconsult_client.api.bookings import of_one_v1_readiness_booking_reference_get as readiness
from preconsult_client.api.events import follow_v1_events_get as follow
from preconsult_client.api.submissions import create_v1_submissions_post as create
from preconsult_client.api.submissions import list_submissions_v1_submissions_get as listed
from preconsult_client.api.submissions import read_summary_v1_submissions_submission_summary_get as summary
from preconsult_client.models import (
    AnswersToKetaminePreconsult, EventPage, HandoffIn, HandoffMade, ProblemOut, ReadinessOut, SubmissionIn,
    SubmissionInQuestionnaire, SubmissionOut, SubmissionPage, Summary,
)

client = AuthenticatedClient(os.environ["SERVER"], token=os.environ["KEY"], raise_on_unexpected_status=True)
answers = AnswersToKetaminePreconsult.from_dict({ANSWERS})
sent = SubmissionIn(SubmissionInQuestionnaire.KETAMINE_PRECONSULT, answers, booking_reference="B-7")

kept = create.sync(client=client, body=sent, idempotency_key="one-visit-1")
assert isinstance(kept, SubmissionOut), kept
again = create.sync(client=client, body=sent, idempotency_key="one-visit-1")
assert isinstance(again, SubmissionOut)
assert again.id == kept.id
assert kept.created_at.tzinfo is not None

read = summary.sync(kept.id, client=client)
assert isinstance(read, Summary), read
assert read.topics[0].quotations[0].cautions[0].text
assert kept.summary
assert read.digest == kept.summary.digest

page = listed.sync(client=client, booking_reference="B-7")
assert isinstance(page, SubmissionPage), page
assert [each.id for each in page.items] == [kept.id]

empty = AnswersToKetaminePreconsult()
amiss = create.sync(client=client, body=SubmissionIn(SubmissionInQuestionnaire.KETAMINE_PRECONSULT, empty))
assert isinstance(amiss, ProblemOut), amiss
assert amiss.errors
assert amiss.errors[0].pointer.startswith("/answers/")

made = hand_off.sync(client=client, body=HandoffIn("B-8"))
assert isinstance(made, HandoffMade), made
assert "#" in made.link
state = readiness.sync("B-8", client=client)
assert isinstance(state, ReadinessOut), state
assert state.state.value == "not_started"
told = follow.sync(client=client)
assert isinstance(told, EventPage), told
"""
MISTAKEN = PYTHON + "\nprint(kept.eligibility)\n"

TYPESCRIPT = """
import type { components, paths, webhooks } from "./preconsult";

type Create = paths["/v1/submissions"]["post"];
type Sent = Create["requestBody"]["content"]["application/json"];
type Kept = Create["responses"][201]["content"]["application/json"];
type Problem = components["schemas"]["ProblemOut"];
type Told = webhooks["submission.submitted"]["post"]["requestBody"]["content"]["application/json"];

export const sent: Sent = {
  questionnaire: "ketamine-preconsult",
  answers: { info_only: true, age_band: "25_44", visit_reason: ["long_term_pain"] },
  booking_reference: "B-7",
};

export async function handIn(server: string, key: string): Promise<Kept> {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(`${server}/v1/submissions`, {
    method: "POST", headers, body: JSON.stringify(sent),
  });
  if (!answer.ok) throw new Error(((await answer.json()) as Problem).errors?.[0]?.pointer);
  return (await answer.json()) as Kept;
}

export const first = (kept: Kept): string =>
  kept.interruptions[0]?.text ?? kept.summary?.title ?? kept.footer;
export const state = (told: Told): string | undefined =>
  told.type === "submission.submitted" ? (told.data.state ?? undefined) : undefined;
"""
STRICT = {"strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "types": []}
STRICT |= {"moduleResolution": "bundler", "lib": ["es2022", "dom"]}
WRONG = [('"25_44"', '"25-44"'), ("info_only: true", "info_olny: true"), ("summary?.title", "summary.title"),
         ('"submission.submitted" ?', '"submission.sent" ?')]  # fmt: skip


def documented_command(program: str) -> list[str]:
    """The command that docs/programs.md gives for a generator, applied to the description in the checkout."""
    (line,) = re.findall(rf"^{program}.*$", PAGE, re.MULTILINE)
    return [str(DESCRIPTION) if word == "openapi/openapi.json" else word for word in shlex.split(line)]


def done(command: Sequence[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The result of a command that was run in `folder`."""
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


# --- Python ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that contains the package `preconsult_client`."""
    folder, binaries = tmp_path_factory.mktemp("python"), Path(sys.executable).parent
    _, *options = documented_command("openapi-python-client ")
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"  # the generator calls ruff
    made = done([binaries / "openapi-python-client", *options], folder, PATH=path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "WARNING" not in made.stdout.upper(), made.stdout
    return folder


def program(folder: Path, text: str, name: str = "program") -> Path:
    """Write a program next to the client; returns its path."""
    path = folder / f"{name}.py"
    path.write_text(text.replace("{ANSWERS}", repr(CARA)), encoding="utf-8")
    return path


def test_the_python_client_is_typed_strictly_and_finds_a_mistake(python_client: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}"]
    command += ["--follow-imports=silent"]  # errors in the client itself are the generator's
    (python_client / "preconsult_client" / "py.typed").touch()
    right, wrong = program(python_client, PYTHON), program(python_client, MISTAKEN, "mistaken")
    found = done([*command, right, wrong], python_client)
    [mistake, summary] = found.stdout.splitlines()
    assert mistake.startswith("mistaken.py:")
    assert 'has no attribute "eligibility"' in mistake
    assert "checked 2 source files" in summary


def test_the_python_client_works_against_the_running_server(python_client: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        key = server.key("submissions:write", "submissions:read", "bookings", "events")
        ran = done(
            [sys.executable, "-W", "error", program(python_client, PYTHON)], python_client,
            SERVER=server.url, KEY=key,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


# --- TypeScript ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types in `preconsult.d.ts`."""
    folder = tmp_path_factory.mktemp("typescript")
    tool = TOOLS / "openapi-typescript" / "bin" / "cli.js"
    made = done([node(), tool, *documented_command("npx openapi-typescript ")[2:]], folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def node() -> str:
    return os.environ.get("NODE") or "node"


def test_the_types_fit_a_program_that_uses_them_and_find_each_mistake(typescript: Path) -> None:
    programs = {"program": TYPESCRIPT}
    for number, (right, wrong) in enumerate(WRONG):
        assert right in TYPESCRIPT
        programs[f"mistaken{number}"] = TYPESCRIPT.replace(right, wrong)
    for name, text in programs.items():
        (typescript / f"{name}.ts").write_text(text, encoding="utf-8")
    settings = {"compilerOptions": STRICT, "files": [f"{name}.ts" for name in programs]}
    (typescript / "tsconfig.json").write_text(json.dumps(settings))
    found = done([node(), TOOLS / "typescript" / "bin" / "tsc", "-p", "."], typescript)
    assert found.returncode != 0
    at_fault = set(re.findall(r"^([\w./]+)\(\d", found.stdout, re.MULTILINE))
    assert at_fault == {f"{name}.ts" for name in programs} - {"program.ts"}, found.stdout
