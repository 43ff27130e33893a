"""Initial values of a form page: the respondent's answers, otherwise the edition's initial values."""

import datetime as dt
from typing import Any

import pytest

from app.rules.engine.edition import Edition
from app.services.submissions.assessment import RetentionPolicy, SubmissionInput, assess_new, new_token
from app.web.form import fields
from app.web.form.fields import SubmittedValues
from app.web.form.navigation import Flow
from tests.fhir.conftest import TINY
from tests.rules.edition_variants import with_initial

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
BEGUN = {"drinks": ("black", "green"), "cups": 3, "may_call": False}


@pytest.fixture
def edition() -> Edition:
    return with_initial(TINY, **BEGUN)


def shown(edition: Edition, typed: SubmittedValues | None = None, **answers: Any) -> dict[str, Any]:
    """The selected codes or the value of each question of the page, by name."""
    terms = RetentionPolicy.from_settings(hours=72, days=30)
    assessment = assess_new(
        edition, SubmissionInput(answers, {}, complete=False), new_token(), now=NOW, terms=terms
    )
    flow = Flow(assessment)
    return {
        each["name"]: [option["code"] for option in each["options"] if option["checked"]] or each["value"]
        for each in fields.questions(flow, flow.groups[0], "en", typed)
    }


def test_a_page_nobody_has_answered_begins_with_what_the_edition_says(edition: Edition) -> None:
    assert shown(edition) | {"cups": ""} == {
        "feeling": "", "drinks": ["black", "green"], "cups": "", "may_call": ["false"], "call_name": "",
    }  # fmt: skip


def test_what_is_not_asked_yet_begins_empty(edition: Edition) -> None:
    assert shown(edition)["cups"] == ""


def test_once_something_is_saved_what_was_left_out_stays_out(edition: Edition) -> None:
    found = shown(edition, feeling="well")
    assert (found["feeling"], found["drinks"], found["may_call"]) == (["well"], "", "")


def test_what_was_typed_comes_before_it(edition: Edition) -> None:
    assert shown(edition, SubmittedValues({"drinks": ["none"]}))["drinks"] == ["none"]
    assert shown(edition, SubmittedValues({}))["may_call"] == ""


def test_a_first_page_begins_with_it_as_well(edition: Edition) -> None:
    begun = fields.first_page_questions(edition, edition.asked.item[0], "en")
    assert {each["name"]: [x["code"] for x in each["options"] if x["checked"]] for each in begun} == {
        "feeling": [], "drinks": ["black", "green"], "may_call": ["false"],
    }  # fmt: skip
