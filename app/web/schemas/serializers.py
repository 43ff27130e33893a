"""How resources are represented as JSON, for each kind of principal.

Responsible for: one dict per resource, interruptions first, null omitted where no client needs it. Never:
includes contact details, or more than the principal's scope permits.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.clock import format_timestamp
from app.rules.engine.condition import NEVER
from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from app.rules.engine.questionnaire import Item
from app.services.auth.authorization import Principal, Respondent, has_scope
from app.services.submissions.assessment import Assessment
from app.services.submissions.json_members import member
from app.storage.submissions.submissions import FlagRecord, Record, SubmissionRow

Json = dict[str, Any]


def created(assessment: Assessment, token: str) -> Json:
    """Return the response to a create: without the answers, and with the access token, shown only once."""
    return _submission(assessment, {"access_token": token})


def submission(assessment: Assessment, principal: Principal) -> Json:
    """Return a submission as this principal may see it."""
    document = _submission(assessment, {})
    reads = has_scope(principal, "submissions:read") or has_scope(principal, "review")
    if reads or isinstance(principal, Respondent):
        document["answers"] = assessment.record.answers["answers"]
    if reads:
        document["attention"] = assessment.record.priority
        document["quarantine"] = spam_reasons(assessment.record.spam_reasons)
    if has_scope(principal, "review"):
        document |= review_state(assessment.record)
    return document | staff_fields(assessment, principal)


def _submission(assessment: Assessment, secret: Json) -> Json:
    record = assessment.record
    document: Json = {
        "interruptions": assessment.interruptions(),
        "id": record.id,
        "status": record.status,
        **secret,
        "questionnaire": record.questionnaire,
        "edition": record.edition,
        "language": record.language,
        "test": record.is_test,
        "booking_reference": record.booking_reference,
        "footer": assessment.edition.phrasebooks[record.language].footer,
        "created_at": format_timestamp(record.created_at),
        "updated_at": format_timestamp(record.updated_at),
        "submitted_at": record.submitted_at and format_timestamp(record.submitted_at),
        "retained_until": format_timestamp(record.retained_until),
    }
    if record.status == "submitted":
        return document | {"summary": assessment.summary()}
    order = assessment.edition.questionnaire.by_id
    return document | {
        "enabled": [name for name in order if name in assessment.enabled],
        "missing": list(assessment.missing),
    }


def staff_fields(assessment: Assessment, principal: Principal) -> Json:
    """Return flags and undetermined rules, for keys with the scope review; else nothing."""
    if not has_scope(principal, "review"):
        return {}
    flags = [_stored_flag(flag, assessment.edition) for flag in assessment.record.flags]
    return {"flags": flags, "undetermined": undetermined(assessment.evaluation)}


def review_state(record: Record) -> Json:
    """Return the review state of a submission."""
    return {
        "review": record.review,
        "assignee": record.assignee_id,
        "attention": record.priority,
        "due_at": record.due_at and format_timestamp(record.due_at),
        "merged_into": record.merged_into_id,
    }


def evaluation(edition: Edition, evaluation: Evaluation, summary: Json, principal: Principal) -> Json:
    """Return the response to an evaluation."""
    if not has_scope(principal, "review"):
        return {"summary": summary}
    flags = [_flag(edition, each.flag.id, each.priority) for each in evaluation.flags]
    return {"summary": summary, "flags": flags, "undetermined": undetermined(evaluation)}


def undetermined(evaluation: Evaluation) -> list[Json]:
    return [{"rule": each.rule, "would_settle": list(each.would_settle)} for each in evaluation.undetermined]


def _flag(edition: Edition, name: str, priority: int) -> Json:
    flag = edition.flag(name, priority)
    targets = {"target_open": flag.target_open, "target_closed": flag.target_closed}
    return {"flag": name, "priority": priority, "action": flag.action} | targets


def _stored_flag(record: FlagRecord, edition: Edition) -> Json:
    return _flag(edition, record.flag_code, record.priority) | {
        "id": record.id,
        "raised_at": format_timestamp(record.raised_at),
        "answer_changed_at": record.answer_changed_at and format_timestamp(record.answer_changed_at),
        "due_at": record.due_at and format_timestamp(record.due_at),
        "closed_at": record.closed_at and format_timestamp(record.closed_at),
    }


def list_item(row: SubmissionRow) -> Json:
    """Return one item of a list."""
    times = ("created_at", "updated_at", "submitted_at", "retained_until", "due_at", "first_viewed_at")
    stamps = {name: (at := getattr(row, name)) and format_timestamp(at) for name in times}
    fields = asdict(row) | stamps | {"spam_reasons": spam_reasons(row.spam_reasons)}
    document = {member(name): value for name, value in fields.items()}
    return document | {"assignee": document.pop("assignee_id")}


def spam_reasons(names: str | None) -> list[str]:
    """Return the reasons why a submission may not come from a person; empty if there are none."""
    return (names or "").split()


def questionnaire(edition: Edition, language: str) -> Json:
    """Return the questions of an edition in one language."""
    words = edition.phrasebooks[language]
    return {
        "id": edition.id,
        "version": edition.version,
        "title": edition.title(language),
        "language": language,
        "languages": list(edition.languages),
        "reviewed": bool(edition.meta.reviewed_by and edition.texts[language].reviewed_by),
        "footer": words.footer,
        "item": [_item(item, edition, language) for item in edition.asked.item],
    }


def _item(item: Item, edition: Edition, language: str) -> Json:
    words = edition.phrasebooks[language]
    document = item.model_dump(
        by_alias=True, exclude_defaults=True, exclude={"item", "answer_option"}, mode="json"
    )
    if item.type == "group":
        inner = [_item(each, edition, language) for each in item.item if each.enable_when is not NEVER]
        return document | {"text": words.texts.pages[item.link_id], "item": inner}
    said = words.items[item.link_id]
    document["text"] = said.text
    if said.why:
        document["why"] = said.why
    if item.type == "boolean":
        document["answerLabel"] = {"true": said.yes, "false": said.no}
    if item.answer_option:
        document["answerOption"] = [
            {
                "code": option.code,
                "label": said.options[option.code],
                "exclusive": option.exclusive,
                "unknown": option.unknown,
            }
            for option in item.answer_option
        ]
    return document


def passage(edition: Edition, name: str, language: str, *, staff: bool) -> Json:
    """Return one passage of the article with its cautions; for staff also with its policy."""
    words = edition.phrasebooks[language]
    found = next(each for each in edition.article.passages if each.id == name)
    document = words.quotations[name] | {
        "article": edition.article.article.id,
        "general_cautions": words.general_cautions,
    }
    if staff:
        document |= {"policy": found.policy, "strength": found.strength, "reason": found.reason}
        document["label"] = "not for patients" if found.policy == "never" else None
    return document


def page(rows: Sequence[SubmissionRow], following: str | None) -> Json:
    return {"items": [list_item(row) for row in rows], "next": following}
