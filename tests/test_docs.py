"""The documentation agrees with the code, and vendored and locked files are what they claim to be."""

import datetime as dt
import hashlib
import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

import dev
from app.cli import main
from app.environment import FILES, RENAMED
from app.errors import every_problem
from app.fhir import identifiers
from app.logging import FIELDS
from app.rules.engine.condition import Condition
from app.rules.library import load_library
from app.services.auth.authorization import SCOPES
from app.services.auth.permissions import ROLES
from app.services.bookings.readiness import State
from app.services.events.event_types import TYPES, event_payload
from app.settings import Settings
from app.storage.events.outbox import Event
from app.web.html import form_security
from app.web.middleware.request_guard import METHODS
from app.web.staff import cookies
from tests import diagram
from tests.conftest import Service

ROOT = Path(__file__).parents[1]
PAGES = {  # path to text
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md")])
}
README, PROGRAMS, OPERATIONS = (
    PAGES[name] for name in ("README.md", "docs/programs.md", "docs/operations.md")
)
MANUAL = {name: text for name, text in PAGES.items() if not name.startswith("tests/")}
OPENAPI = (ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8")
STATIC = ROOT / "app" / "web" / "static"
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
MORE = "…"  # in an example answer: more members, or more elements of the same kind
OF_THE_MOMENT = {
    *("/id", "/access_token", "/created_at", "/updated_at", "/submitted_at", "/retained_until"),
    "/summary/made_at",
}
NEVER = re.compile(
    r"eligib|\bcandidate|\bqualif|\bscor(e|ed|es|ing)\b|risk level|(?<!if-)(?<!if-none-)\bmatch",
    re.IGNORECASE,
)
REGISTRIES = re.compile(
    r"pypi\.|pythonhosted|npmjs|docker\.io|ghcr\.io|quay\.io|gcr\.io|proxy\.golang|crates\.io|index-url", re.I
)


def table(page: str, header: str) -> list[list[str]]:
    """The cells of every row of the page's table that begins with this header."""
    lines = page.split(f"\n{header}\n", 1)[1].splitlines()[1:]
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), None)]
    assert rows, header
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def blocks(language: str, *pages: str) -> list[str]:
    """The code blocks of this language in these pages, or in all pages."""
    return [
        textwrap.dedent(block)
        for page in pages or PAGES.values()
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)
    ]


# --- tables ----------------------------------------------------------------------------------------


def test_every_type_of_event_is_documented() -> None:
    assert table(PROGRAMS, "| event | meaning |") == [
        [f"`{name}`", documented] for name, documented in TYPES.items()
    ]


def test_the_event_that_is_shown_is_one() -> None:
    (shown,) = (json.loads(each) for each in blocks("json", PROGRAMS) if '"timestamp"' in each)
    data = shown["data"]
    when = dt.datetime.fromisoformat(shown["timestamp"])
    documented = Event(
        1, shown["id"], shown["type"], when, data["test"], requires_review_scope=False, handoff_id=None,
        submission_id=data["submission_id"], booking_reference=data["booking_reference"], state=data["state"],
    )  # fmt: skip
    assert event_payload(documented) == shown


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = table(PAGES["docs/settings.md"], "| setting | default | meaning |")
    documented = {name: (default, meaning) for name, default, meaning in rows}
    assert len(rows) == len(documented)
    assert documented == {
        f"`PRECONSULT_{name.upper()}`": (shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }


def shown(default: object) -> str:
    text = "" if default is None else str(default).rstrip("/")
    return f"`{text}`" if text else "empty"


def test_every_secret_that_may_come_as_a_file_is_documented() -> None:
    documented = set(re.findall(r"PRECONSULT_(\w+)_FILE", PAGES["docs/settings.md"]))
    assert {name for name in documented if f"{name}_FILE" not in known()} == set(FILES)


def test_no_setting_is_named_that_is_not_there() -> None:
    named = re.findall(r"PRECONSULT_([A-Z_]+[A-Z])", "".join(PAGES.values()))
    documented = {name if name in known() else name.removesuffix("_FILE") for name in named}
    assert documented - set(RENAMED) == {
        name.upper() for name in Settings.model_fields
    }  # both in CHANGELOG.md


def known() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def test_every_problem_is_documented_with_its_status_and_title() -> None:
    documented = {tuple(row) for row in table(PROGRAMS, "| slug | status | means |")}
    assert documented == {(f"`{kind.slug}`", str(kind.status), kind.title) for kind in every_problem()}


def test_every_scope_is_documented() -> None:
    documented = {name.strip("`"): meaning for name, meaning in table(PROGRAMS, "| scope | allows |")}
    assert documented == SCOPES


def test_every_route_of_the_api_is_documented_and_no_other() -> None:
    documented = [quoted(route)[0] for route, *_ in table(PROGRAMS, "| route | who | what |")]
    there = {
        f"{method.upper()} {path}"
        for path, operations in json.loads(OPENAPI)["paths"].items()
        for method in operations
        if method.upper() in METHODS
    }
    assert set(documented) == there
    assert len(documented) == len(there)


def test_who_may_call_a_route_is_what_its_description_says() -> None:
    paths = json.loads(OPENAPI)["paths"]
    for route, who, _ in table(PROGRAMS, "| route | who | what |"):
        method, path = quoted(route)[0].split()
        security = paths[path][method.lower()].get("security", [])
        kinds = {kind for each in security for kind in each}
        assert ("token" in who) is ("access_token" in kinds), route
        assert bool(set(quoted(who)) & set(SCOPES)) is ("api_key" in kinds), route
        assert set(quoted(who)) <= set(SCOPES), route


def test_every_verb_of_the_command_line_is_documented_and_no_other() -> None:
    documented = [quoted(command)[0] for command, _ in table(OPERATIONS, "| command | what it does |")]
    assert sorted(documented) == sorted(f"preconsult {verb}" for verb in verbs(main))


def verbs(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield before + name


def test_every_option_that_is_documented_is_there() -> None:
    for command, meaning in table(OPERATIONS, "| command | what it does |"):
        found: click.Command = main
        for word in quoted(command)[0].split()[1:]:
            assert isinstance(found, click.Group)
            found = found.commands[word]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {
            documented.split()[0] for documented in quoted(meaning) if documented.startswith("--")
        } <= options


def test_every_field_of_the_logs_is_documented_and_no_other() -> None:
    documented = [name for names, _ in table(OPERATIONS, "| field | holds |") for name in quoted(names)]
    assert sorted(documented) == sorted(FIELDS)


def test_every_event_of_the_logs_is_documented_and_no_other() -> None:
    (meaning,) = (
        meaning for names, meaning in table(OPERATIONS, "| field | holds |") if "event" in quoted(names)
    )
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    assert sorted(quoted(meaning)) == sorted(set(re.findall(r'log\.[a-z]+\(\s*"([a-z_]+)"', code)))


def test_every_command_of_dev_py_that_is_documented_is_there() -> None:
    assert set(re.findall(r"python3 dev\.py (\w+)", "".join(PAGES.values()))) == set(dev.COMMANDS)


def test_every_bench_that_is_documented_is_there() -> None:
    documented = set(re.findall(r"python3 dev\.py bench (\w+)", "".join(PAGES.values())))
    assert documented <= {path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")}


def test_every_metric_is_documented_and_no_other() -> None:
    rows = table(OPERATIONS, "| metric | watch for |")
    documented = [name for names, _ in rows for name in quoted(names)]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    there = re.findall(r'\b[A-Z]\w+\(\s*"(preconsult_\w+)"', code)
    assert sorted(documented) == sorted(there)


def test_the_table_of_roles_is_the_one_that_is_enforced() -> None:
    staff = PAGES["docs/staff.md"]
    roles = list(ROLES)
    documented = {
        quoted(permission)[0]: dict(zip(roles, cells, strict=True))
        for permission, *cells in table(staff, f"| permission | {' | '.join(roles)} |")
    }
    every = {permission for permissions in ROLES.values() for permission in permissions}
    assert documented == {
        name: {role: "yes" if name in ROLES[role] else "no" for role in roles} for name in every
    }


def test_every_state_of_readiness_is_documented() -> None:
    documented = [quoted(state)[0] for state, _ in table(PROGRAMS, "| state | means |")]
    assert sorted(documented) == sorted(get_args(State))


def test_every_file_of_an_edition_is_documented() -> None:
    documented = {quoted(file)[0] for file, _ in table(PAGES["docs/content.md"], "| file | holds |")}
    edition = ROOT / "app" / "rules" / "content" / "ketamine-preconsult" / "1.1.0"
    assert {name.partition("/")[0] for name in documented} == {path.name for path in edition.iterdir()}


def test_every_extension_of_fhir_is_documented() -> None:
    documented = {quoted(url)[0] for url, *_ in table(PROGRAMS, "| extension | on | says |")}
    assert documented == {
        url for url in vars(identifiers).values() if str(url).startswith(identifiers.OWN_SYSTEM)
    } - {identifiers.OWN_SYSTEM}


def test_every_cookie_is_documented() -> None:
    documented = {
        name
        for cell, *_ in table(PAGES["docs/security.md"], "| cookie | holds | attributes |")
        for name in quoted(cell)
    }
    assert documented == {
        form_security.SESSION,
        form_security.LANGUAGE,
        form_security.HANDOFF,
        cookies.SESSION,
        cookies.STEP,
    }


def test_every_test_that_accessibility_names_is_there() -> None:
    documented = [name for name in quoted(PAGES["docs/accessibility.md"]) if name.startswith("tests/")]
    assert len(documented) > 10
    assert [name for name in documented if not (ROOT / name).exists()] == []


def test_the_layers_shown_are_the_ones_that_are_enforced() -> None:
    page = PAGES["docs/architecture.md"]
    assert diagram.written(page) == diagram.made(), "run .venv/bin/python -m tests.diagram"


# --- commands --------------------------------------------------------------------------------------


def commands() -> list[str]:
    """Every call of `preconsult` in the shell code blocks."""
    lines = "".join(blocks("sh")).splitlines()
    found = [
        re.findall(r"(?:^|\s|/|\()(preconsult (?!\.)[^#&|)]*)", line.partition("  #")[0]) for line in lines
    ]
    return [each for line in found for each in line if each.split()[1] in main.commands]


def test_every_command_in_a_block_can_be_called_so() -> None:
    assert len(commands()) > 10
    for line in commands():
        found, words = main, shlex.split(line)[1:]
        command: click.Command = found
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_pre_commit_hooks_are_the_linters_of_dev_py(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    monkeypatch.setattr(dev, "step", lambda *words: run.append(" ".join(map(str, words))))
    dev.lint_failures()
    settings = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")
    (local,) = settings["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == [line.replace(f"{ROOT}/", "") for line in run]


def test_the_workflow_and_the_gate_run_the_test_command_of_the_readme() -> None:
    command = "python3 dev.py test"
    assert re.search(rf"^{command} ", README, re.MULTILINE)
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "test.yml")
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "dev.py" in step.get("run", "")] == [command]
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == f"exec {command}"


# --- the example -----------------------------------------------------------------------------------


def body() -> dict[str, Any]:
    """The request body of the README's curl command."""
    found = re.search(r"-d '(\{.*\})'", README)
    assert found
    documented: dict[str, Any] = json.loads(found[1])
    return documented


def test_the_curl_is_the_one_dev_py_prints() -> None:
    assert f"-d '{dev.EXAMPLE}'" in README


def test_the_curl_gets_the_answer_that_is_shown(service: Service) -> None:
    key = service.key(*dev.SCOPES, test=True)
    answer = service.client.post("/v1/submissions", json=body(), headers=key)
    assert answer.status_code == 201
    assert next(iter(answer.json())) == "interruptions"
    shown_ones = answers_shown()
    assert len(shown_ones) == 2
    for each in shown_ones:
        agrees(each, answer.json(), "")


def answers_shown() -> list[dict[str, Any]]:
    """The answer to the curl command: shortened in the README, complete in the page for API clients."""
    short, whole = (
        [json.loads(each) for each in blocks("json", page) if '"summary"' in each]
        for page in (README, PROGRAMS)
    )
    assert MORE in short[0]
    assert MORE not in whole[0]
    return short + whole


def agrees(documented: Any, there: Any, where: str) -> None:
    """Assert that documented data equals the actual data; where MORE is present, the actual data has more."""
    if where in OF_THE_MOMENT:
        assert type(documented) is type(there), where
    elif isinstance(documented, dict):
        assert (
            documented.keys() - {MORE} < there.keys()
            if MORE in documented
            else documented.keys() == there.keys()
        ), where
        for name in documented.keys() - {MORE}:
            agrees(documented[name], there[name], f"{where}/{name}")
    elif isinstance(documented, list):
        rest = documented and documented[-1] == MORE
        assert len(there) > len(documented) - 1 if rest else len(there) == len(documented), where
        for number, each in enumerate(documented[:-1] if rest else documented):
            agrees(each, there[number], f"{where}/{number}")
    else:
        assert documented == there, where


def test_the_answer_shown_quotes_the_article_and_never_without_the_cautions_of_the_edition() -> None:
    shown_ones = [
        quotation
        for answer in answers_shown()
        for topic in answer["summary"]["topics"]
        if topic != MORE
        for quotation in topic["quotations"]
        if quotation != MORE
    ]
    edition = load_library().current(body()["questionnaire"])
    assert edition
    assert shown_ones
    for quotation in shown_ones:
        passage = next(each for each in edition.article.passages if each.id == quotation["passage"])
        assert quotation["exact"] == passage.exact
        assert [caution["id"] for caution in quotation["cautions"]] == list(passage.cautions)


def test_a_condition_that_is_shown_can_be_read() -> None:
    (block,) = blocks("yaml", PAGES["docs/content.md"])
    when = YAML(typ="safe").load(block)["when"]
    adapter: TypeAdapter[Condition] = TypeAdapter(Condition)
    asked = adapter.validate_json(json.dumps(when)).questions()
    edition = load_library().current("ketamine-preconsult")
    assert edition
    assert set(asked) <= set(edition.questionnaire.by_id)


def test_every_program_that_is_shown_is_one_that_a_test_runs() -> None:
    examples = (ROOT / "tests" / "e2e" / "processes" / "test_examples.py").read_text(encoding="utf-8")
    for block in blocks("python"):
        assert any(name in block for name in re.findall(r'if "([^"]+)" in block', examples))


# --- pages -----------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("name", PAGES)
def test_every_file_and_heading_that_a_page_points_at_is_there(name: str) -> None:
    for target in links(PAGES[name]):
        path, _, heading = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.is_dir() if path.endswith("/") else file.is_file(), target
        if heading:
            assert heading in headings(file.read_text(encoding="utf-8")), target


def links(page: str) -> list[str]:
    """The link targets of a page within this repository."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in target]


def prose(page: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page, flags=re.DOTALL | re.MULTILINE)


def headings(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub generates them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_a_heading_is_found_by_the_name_that_is_used_for_it() -> None:
    page = "# One: two, `three` 4\n```sh\n# no heading\n```\n[a](#one-two-three-4) [b](https://x.example/c)"
    assert headings(page) == {"one-two-three-4"}
    assert links(page) == ["#one-two-three-4"]


def test_every_page_is_pointed_at_and_says_who_it_is_for() -> None:
    pointed_at = {
        ((ROOT / name).parent / target.partition("#")[0]).resolve()
        for name, page in PAGES.items()
        for target in links(page)
    }
    for name, page in PAGES.items():
        assert (ROOT / name).resolve() in pointed_at, name
        if name.startswith("docs/"):
            assert re.match(r"# .+\n\nFor ", page), name


def test_every_picture_is_a_small_png_that_a_page_shows() -> None:
    shown_ones = {target for page in MANUAL.values() for target in links(page) if target.endswith(".png")}
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert {picture.name for picture in pictures} == {target.rpartition("/")[2] for target in shown_ones}
    for picture in pictures:
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(content) < 150_000


# --- words and addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*MANUAL.values(), OPENAPI], ids=[*MANUAL, "openapi.json"])
def test_words_that_judge_a_person_do_not_stand_there(text: str) -> None:
    ours = text.replace('"match"', "")  # the FHIR code for a found entry of a Bundle
    assert [found[0] for found in NEVER.finditer(ours)] == []


@pytest.mark.parametrize(
    "words",
    ["You are eligible", "a good candidate", "They qualify", "Your score: 3", "risk level", "a match"],
)
def test_the_search_for_such_words_finds_them(words: str) -> None:
    assert NEVER.search(words)


@pytest.mark.parametrize("text", [*MANUAL.values(), OPENAPI], ids=[*MANUAL, "openapi.json"])
def test_no_machine_and_no_registry_is_named(text: str) -> None:
    assert not REGISTRIES.search(text)
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)
    hosts = set(re.findall(r"https?://([^/\s:`\"'<>)|]+)", text))
    assert {host for host in hosts if not host.endswith((".example", "{PRECONSULT}"))} <= {"127.0.0.1"}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_no_page_promises_a_speed(page: str) -> None:
    assert not re.search(
        r"\d+ ?(req|requests?|submissions?)/s|\d+ (requests|submissions) (a|per) second", page
    )


# --- what is vendored, locked and licensed ---------------------------------------------------------


@pytest.mark.parametrize("name", ["swagger-ui", "pico"])
def test_every_vendored_file_is_the_one_its_version_names(name: str) -> None:
    folder = STATIC / name
    lines = (folder / "VERSION").read_text(encoding="utf-8").splitlines()
    pinned = {name: sha256 for sha256, name in (line.split("  ") for line in lines if line[0] != "#")}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert pinned == {name: sha256 for name, sha256 in there.items() if name != "VERSION"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text(encoding="utf-8")


def test_what_the_service_needs_stays_small_and_is_part_of_what_its_developers_need() -> None:
    core, development = (packages(ROOT / "requirements" / name) for name in ("core.lock", "dev.lock"))
    assert 0 < len(core) <= 42
    assert core <= development


def packages(lock: Path) -> set[str]:
    return set(re.findall(r"^[a-zA-Z0-9][^\s;]*", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_licence_is_apache_2_and_the_article_is_said_not_to_be_covered() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for edition in (each for editions in load_library().editions.values() for each in editions):
        assert f'"{edition.article.article.title}"' in notice
        assert f'"{edition.article.article.title}"' in README
