"""Corrections of answers: the form, and every correction side by side with the previous answers.

Responsible for: sending only changed answers, and showing errors next to their question with the submitted
value. Never: corrects contact details, which are not answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.clock import now
from app.errors import Conflict, InFlight, InvalidAnswers, PreconditionFailed
from app.rules.engine.condition import Answers
from app.rules.engine.questionnaire import Item
from app.services.review import cases, corrections
from app.services.review.corrections import CorrectionDiff
from app.services.submissions.assessment import Assessment
from app.web.dependencies import get_services
from app.web.form import fields
from app.web.form.fields import SubmittedValues
from app.web.form.navigation import Flow
from app.web.html import form_security
from app.web.html.form_security import Fields
from app.web.html.summary_view import answer_text
from app.web.staff.access_control import StaffRoute, permission, preserves_input
from app.web.staff.case import StaffFormInput, case_page, command, conflict_page
from app.web.staff.case_view import actor_name, topic_rows
from app.web.staff.layout import go, show

router = APIRouter(include_in_schema=False, route_class=StaffRoute)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """The case as it was when its form was made, and as it would be with the submitted answers."""

    assessment: Assessment
    preview: Assessment
    changed: Mapping[str, object]

    @classmethod
    def from_request(cls, assessment: Assessment, given: Fields) -> "Form":
        """Compare the submitted answers with those the form was made with; later changes by others remain."""
        changed: dict[str, object] = {}
        stored = assessment.record.answers["answers"]
        for group in _asked(assessment):
            page, _, _ = fields.parse_page(group, given, {})
            changed |= {
                name: value for name, value in page.answers.items() if _other(value, stored.get(name))
            }
        return cls(assessment, _with(assessment, changed), changed)


@router.get("/staff/cases/{case}/correct")
@permission("correct")
async def form(request: Request, case: str) -> Response:
    """Every enabled question with its current answer."""
    assessment = await _opened(request, case)
    return _form(request, assessment, assessment, None)


@router.post("/staff/cases/{case}/correct")
@preserves_input
@permission("correct")
async def correct(request: Request, case: str) -> Response:
    """Save the changed answers as a new version."""
    services, given = get_services(request), await form_security.fields(request)
    before = partial(
        corrections.answers_at_version,
        submission_service=services.submissions,
        turn=command(request, case, given),
    )
    typed = Form.from_request(_with(await services.database.read(before), {}), given)
    work = partial(
        corrections.apply_correction,
        submission_service=services.submissions,
        turn=command(request, case, given),
        answers=typed.changed,
    )
    try:
        await services.database.write(work)
    except PreconditionFailed:
        return await conflict_page(request, case, _wish(typed))
    except InvalidAnswers as problem:
        await _opened(request, case)  # its answers are shown again
        found = {error.pointer.split("/")[2]: error.detail for error in problem.errors}
        return _form(request, typed.assessment, typed.preview, SubmittedValues(given, found))
    except Conflict as problem:
        if isinstance(problem, InFlight):
            raise
        return await case_page(request, case, problem)
    return go(f"/staff/cases/{case}/corrections")


async def _opened(request: Request, case: str) -> Assessment:
    """The case; the view is recorded."""
    services = get_services(request)
    found = await services.database.write(
        partial(cases.view_case, submission_service=services.submissions, turn=command(request, case))
    )
    return found.assessment


def _form(
    request: Request, assessment: Assessment, would_be: Assessment, typed: SubmittedValues | None
) -> Response:
    own = assessment.edition.languages[0]
    flow = Flow(would_be)
    groups = [
        (assessment.edition.texts[own].pages[group.link_id], _fields(flow, group, number, own, typed))
        for number, group in enumerate(_asked(would_be), 1)
    ]
    listed = [
        {"target": field["id"], "words": f"{fields.shorten(field['text'])}: {field['error']}"}
        for _, each in groups
        for field in each
        if field["error"]
    ]
    return show(
        request,
        "staff/case_correct.html",
        status=422 if typed else 200,
        case=assessment.record,
        groups=groups,
        listed=listed,
        errors=listed,
    )


def _asked(assessment: Assessment) -> list[Item]:
    """The pages with enabled questions, without those for contact details."""
    found = []
    for group in assessment.edition.asked.item:
        items = tuple(item for item in group.item if not item.contact)
        if any(item.is_question and item.link_id in assessment.enabled for item in items):
            found.append(group.model_copy(update={"item": items}))
    return found


def _fields(flow: Flow, group: Item, number: int, language: str, typed: SubmittedValues | None) -> list[Json]:
    """The fields of one page, with element ids that are unique among all pages."""
    made = fields.questions(flow, group, language, typed, begun=True)
    return [each | {"id": f"p{number}{each['id']}"} for each in made]


def _with(assessment: Assessment, changed: Mapping[str, object]) -> Assessment:
    """The case with the changed answers, and the questions that these enable."""
    merged = {**assessment.record.answers["answers"], **changed}
    given = {name: value for name, value in merged.items() if value is not None}
    checked = assessment.edition.check(given, complete=False)
    answers: Answers = checked.answers
    record = replace(assessment.record, answers=assessment.record.answers | {"answers": dict(answers)})
    return replace(assessment, record=record, enabled=checked.enabled, missing=checked.missing)


def _other(value: object, stored: object) -> bool:
    """Is the answer different? The order of several choices does not matter."""
    if isinstance(value, list) and isinstance(stored, list | tuple):
        return sorted(map(str, value)) != sorted(map(str, stored))
    return value != stored


def _wish(typed: Form) -> StaffFormInput:
    """The correction, ready to be sent again."""
    names = [name for name in typed.assessment.edition.questionnaire.by_id if name in typed.changed]
    answers = "; ".join(_said(typed.assessment, name, typed.changed[name]) for name in names)
    sent = [("asked", name) for name in names]
    for name in names:
        value = typed.changed[name]
        values = value if isinstance(value, list) else [] if value is None else [value]
        sent += [(name, str(each).lower() if isinstance(each, bool) else str(each)) for each in values]
    return StaffFormInput(f"Correct the answers: {answers}", sent)


def _said(assessment: Assessment, name: str, answer: object) -> str:
    own = assessment.edition.languages[0]
    question = fields.shorten(assessment.edition.phrasebooks[own].items[name].text)
    words = (
        "no answer" if answer is None else answer_text(assessment.edition, own, link_id=name, answer=answer)
    )
    return f"{question}: {words}"


# --- history of corrections ------------------------------------------------------------------------


@router.get("/staff/cases/{case}/corrections")
@permission("case")
async def correction_history(request: Request, case: str) -> Response:
    """Every correction, newest first, side by side with the previous answers."""
    services = get_services(request)
    work = partial(
        corrections.corrections, submission_service=services.submissions, turn=command(request, case)
    )
    assessment, found, names = await services.database.write(work)
    return show(
        request,
        "staff/case_corrections.html",
        case=assessment.record,
        now=now(),
        corrections=[_difference(each, names) for each in found],
        foreign=assessment.record.language != assessment.edition.languages[0],
        article=assessment.edition.article.article,
    )


def _difference(found: CorrectionDiff, names: Mapping[str, str]) -> Json:
    edition, own = found.assessment.edition, found.assessment.edition.languages[0]

    def words(name: str, answer: object) -> str:
        return "" if answer is None else answer_text(edition, own, link_id=name, answer=answer)

    shown = found.shown
    return {
        "at": found.before.replaced_at,
        "by": actor_name(names, found.by) if found.by else "",
        "version": found.before.version,
        "changes": [
            {
                "question": edition.phrasebooks[own].items[each.link_id].text,
                "before": words(each.link_id, each.before),
                "after": words(each.link_id, each.after),
            }
            for each in found.changes
        ],
        "shown": shown and {"interruptions": shown.interruptions(), "topics": topic_rows(shown)},
        "fired": found.fired,
        "no_longer": found.no_longer,
    }
