"""The README says what the code does, and what is vendored or locked is what it claims to be."""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

import dev
from app.cli import main
from app.errors import every_problem
from app.rules.condition import Condition
from app.rules.library import load_library
from app.services.access import SCOPES
from app.services.events import TYPES, document
from app.settings import FILES, Settings
from app.storage.events import Event
from app.web.logs import FIELDS
from app.web.security import METHODS
from tests.conftest import Service

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPENAPI = (ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8")
STATIC = ROOT / "app" / "web" / "static"
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
MORE = "…"  # in the answer the README shows: more of its kind
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


def table(header: str) -> list[list[str]]:
    """The cells of every row of the README's table that begins with this header."""
    lines = README.split(f"\n{header}\n", 1)[1].splitlines()[1:]
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), None)]
    assert rows, header
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


# --- tables ----------------------------------------------------------------------------------------


def test_every_type_of_event_is_told() -> None:
    assert table("| event | tells |") == [[f"`{name}`", told] for name, told in TYPES.items()]


def test_the_event_that_is_shown_is_one() -> None:
    (shown,) = (json.loads(each) for each in blocks("json") if '"timestamp"' in each)
    data = shown["data"]
    when = dt.datetime.fromisoformat(shown["timestamp"])
    told = Event(
        1, shown["id"], shown["type"], when, data["test"], restricted=False, handoff_id=None,
        submission_id=data["submission_id"], booking_reference=data["booking_reference"], state=data["state"],
    )  # fmt: skip
    assert document(told) == shown


def test_every_setting_is_told_with_its_default_and_meaning() -> None:
    told = {name: (default, meaning) for name, default, meaning in table("| setting | default | meaning |")}
    assert told == {
        f"`PRECONSULT_{name.upper()}`": (shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }


def shown(default: object) -> str:
    text = "" if default is None else str(default).rstrip("/")
    return f"`{text}`" if text else "empty"


def test_every_secret_that_may_come_as_a_file_is_told() -> None:
    told = set(re.findall(r"PRECONSULT_(\w+)_FILE", README))
    assert told == set(FILES)


def test_no_setting_is_named_that_is_not_there() -> None:
    told = {name.removesuffix("_FILE") for name in re.findall(r"PRECONSULT_([A-Z_]+[A-Z])", README)}
    assert told == {name.upper() for name in Settings.model_fields}


def test_every_problem_is_told_with_its_status_and_title() -> None:
    told = {tuple(row) for row in table("| slug | status | means |")}
    assert told == {(f"`{kind.slug}`", str(kind.status), kind.title) for kind in every_problem()}


def test_every_scope_is_told() -> None:
    told = {name.strip("`"): meaning for name, meaning in table("| scope | allows |")}
    assert told == SCOPES


def test_every_route_of_the_api_is_told_and_no_other() -> None:
    told = [quoted(route)[0] for route, *_ in table("| route | who | what |")]
    there = {
        f"{method.upper()} {path}"
        for path, operations in json.loads(OPENAPI)["paths"].items()
        for method in operations
        if method.upper() in METHODS
    }
    assert set(told) == there
    assert len(told) == len(there)


def test_who_may_call_a_route_is_what_its_description_says() -> None:
    paths = json.loads(OPENAPI)["paths"]
    for route, who, _ in table("| route | who | what |"):
        method, path = quoted(route)[0].split()
        security = paths[path][method.lower()].get("security", [])
        kinds = {kind for each in security for kind in each}
        assert ("token" in who) is ("access_token" in kinds), route
        assert bool(set(quoted(who)) & set(SCOPES)) is ("api_key" in kinds), route
        assert set(quoted(who)) <= set(SCOPES), route


def test_every_verb_of_the_command_line_is_told_and_no_other() -> None:
    told = [quoted(command)[0] for command, _ in table("| command | what it does |")]
    assert sorted(told) == sorted(f"preconsult {verb}" for verb in verbs(main))


def verbs(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield before + name


def test_every_option_that_is_told_is_there() -> None:
    for command, meaning in table("| command | what it does |"):
        found: click.Command = main
        for word in quoted(command)[0].split()[1:]:
            assert isinstance(found, click.Group)
            found = found.commands[word]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {told.split()[0] for told in quoted(meaning) if told.startswith("--")} <= options


def test_every_field_of_the_logs_is_told_and_no_other() -> None:
    told = [name for names, _ in table("| field | holds |") for name in quoted(names)]
    assert sorted(told) == sorted(FIELDS)


def test_every_event_of_the_logs_is_told_and_no_other() -> None:
    (meaning,) = (meaning for names, meaning in table("| field | holds |") if "event" in quoted(names))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    assert sorted(quoted(meaning)) == sorted(set(re.findall(r'log\.[a-z]+\(\s*"([a-z_]+)"', code)))


def test_every_command_of_dev_py_that_is_told_is_there() -> None:
    assert set(re.findall(r"python3 dev\.py (\w+)", README)) == set(dev.COMMANDS)


# --- the example -----------------------------------------------------------------------------------


def body() -> dict[str, Any]:
    """The body of the README's curl."""
    found = re.search(r"-d '(\{.*\})'", README)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


def test_the_curl_is_the_one_dev_py_prints() -> None:
    assert f"-d '{dev.EXAMPLE}'" in README


def test_the_curl_gets_the_answer_that_is_shown(service: Service) -> None:
    key = service.key(*dev.SCOPES, test=True)
    answer = service.client.post("/v1/submissions", json=body(), headers=key)
    assert answer.status_code == 201
    assert next(iter(answer.json())) == "interruptions"
    (block,) = (each for each in blocks("json") if '"summary"' in each)
    agrees(json.loads(block), answer.json(), "")


def agrees(told: Any, there: Any, where: str) -> None:
    """Hold what is told against what is there; after MORE a list may go on."""
    if where in OF_THE_MOMENT:
        assert type(told) is type(there), where
    elif isinstance(told, dict):
        assert told.keys() == there.keys(), where
        for name in told:
            agrees(told[name], there[name], f"{where}/{name}")
    elif isinstance(told, list):
        rest = told and told[-1] == MORE
        assert len(there) > len(told) - 1 if rest else len(there) == len(told), where
        for number, each in enumerate(told[:-1] if rest else told):
            agrees(each, there[number], f"{where}/{number}")
    else:
        assert told == there, where


def test_the_answer_shown_quotes_the_article_and_never_without_the_cautions_of_the_edition() -> None:
    shown_ones = [
        quotation
        for topic in json.loads(blocks("json")[0])["summary"]["topics"]
        if topic != MORE
        for quotation in topic["quotations"]
    ]
    edition = load_library().current(body()["questionnaire"])
    assert edition
    assert shown_ones
    for quotation in shown_ones:
        passage = next(each for each in edition.article.passages if each.id == quotation["passage"])
        assert quotation["exact"] == passage.exact
        assert [caution["id"] for caution in quotation["cautions"]] == list(passage.cautions)


def test_a_condition_in_the_readme_can_be_read() -> None:
    (block,) = blocks("yaml")
    when = YAML(typ="safe").load(block)["when"]
    adapter: TypeAdapter[Condition] = TypeAdapter(Condition)
    asked = adapter.validate_json(json.dumps(when)).questions()
    edition = load_library().current("ketamine-preconsult")
    assert edition
    assert set(asked) <= set(edition.questionnaire.by_id)


def test_every_program_that_is_shown_is_one_that_a_test_runs() -> None:
    examples = (ROOT / "tests" / "outside" / "test_examples.py").read_text(encoding="utf-8")
    for block in blocks("python"):
        assert any(name in block for name in re.findall(r'if "([^"]+)" in block', examples))


def test_every_file_and_heading_the_readme_points_at_is_there() -> None:
    headings = {re.sub(r"[^a-z -]", "", line.lower()).replace(" ", "-") for line in titles()}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings
        else:
            assert (ROOT / target).is_file(), target


def titles() -> list[str]:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    return re.findall(r"^#+ (.+)$", prose, re.MULTILINE)


def test_the_picture_is_a_small_png() -> None:
    picture = (ROOT / "tests" / "browser" / "summary.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) < 200_000


# --- words and addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", [README, OPENAPI], ids=["README.md", "openapi.json"])
def test_words_that_judge_a_person_do_not_stand_there(text: str) -> None:
    ours = text.replace('"match"', "")  # FHIR's own word for a found entry of a Bundle
    assert [found[0] for found in NEVER.finditer(ours)] == []


@pytest.mark.parametrize(
    "words",
    ["You are eligible", "a good candidate", "They qualify", "Your score: 3", "risk level", "a match"],
)
def test_the_search_for_such_words_finds_them(words: str) -> None:
    assert NEVER.search(words)


@pytest.mark.parametrize("text", [README, OPENAPI], ids=["README.md", "openapi.json"])
def test_no_machine_and_no_registry_is_named(text: str) -> None:
    assert not REGISTRIES.search(text)
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)
    hosts = set(re.findall(r"https?://([^/\s:`\"'<>)]+)", text))
    assert {host for host in hosts if not host.endswith((".example", "{PRECONSULT}"))} <= {"127.0.0.1"}


def test_the_readme_promises_no_speed() -> None:
    assert not re.search(
        r"\d+ ?(req|requests?|submissions?)/s|\d+ (requests|submissions) (a|per) second", README
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


def test_the_licence_is_apache_2_and_the_article_is_told_not_to_be_covered() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for edition in (each for editions in load_library().editions.values() for each in editions):
        assert f'"{edition.article.article.title}"' in notice
        assert f'"{edition.article.article.title}"' in README
