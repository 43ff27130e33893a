"""The view model of a case: summary and its basis, open questions, flags and history.

Responsible for: converting a `Case` into template data, in the respondent's and the clinic's language.
Never: includes contact details.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import FiredRule
from app.services.review.cases import STEPS, Case, Review
from app.services.submissions.assessment import Assessment
from app.storage.review.cases import HistoryEntry
from app.storage.submissions.submissions import FlagRecord, Record
from app.web.html.summary_view import answer_text
from app.web.html.templates import language_name
from app.web.schemas.serializers import spam_reasons
from app.web.staff.queue_filters import ATTENTION, STATE_NAMES
from app.web.staff.relative_time import time_since, time_until

Json = dict[str, Any]
POLICIES = {
    "as_is": "may be shown as it is",
    "with_caution": "shown with its caution only",
    "never": "not for patients",
}
ACTIONS = {
    "seen": "Seen",
    "reached": "Reached the person",
    "not_reached": "Could not reach the person",
    "handed_over": "Handed over",
    "closed": "Closed",
}
STEP_WORDS: Mapping[tuple[str, Review], str] = {
    ("new", "in_review"): "Start the review",
    ("in_review", "new"): "Put it back",
    ("closed", "in_review"): "Reopen",
    ("ready", "in_review"): "Back to review",
    ("needs_contact", "in_review"): "Back to review",
}
STEP_TO = {"ready": "Ready for the visit", "needs_contact": "Needs contact", "closed": "Close the case"}
QUARANTINE = {"honeypot": "a field that people do not see was filled in", "too_fast": "it was sent very fast"}
EVENTS = {
    "submission.drafted": "Form begun",
    "submission.changed": "Answers saved",
    "submission.submitted": "Form sent",
    "submission.viewed": "Looked at",
    "submission.listed": "Shown in a list",
    "access.refused": "Access refused",
    "submission.corrected": "Answers corrected",
    "submission.merged": "Merged into another case",
    "submission.merged_from": "Another case merged into this one",
    "submission.unmerged": "Taken out of the other case",
    "submission.held": "Put under a hold",
    "submission.released": "Hold ended",
    "contact.revealed": "Contact details shown",
    "contact.exported": "Contact details taken out",
    "case.exported": "Taken out as a file",
    "summary.exported": "Summary taken out",
    "note.added": "Note written",
    "link.made": "Link back made",
    "link.used": "Link back used",
    "review.assigned": "Given to somebody",
    "review.unassigned": "Given to nobody",
    "flag.raised": "Flag raised",
    "flag.answer_changed": "The answer to a flag changed",
    "flag.escalated": "Flag passed to a second person",
}
ACTORS = {"respondent": "the person", "service": "this service", "command": "the operator"}


def case_context(case: Case, now: dt.datetime) -> Json:
    """All template data of a case page."""
    assessment = case.assessment
    record, edition = assessment.record, assessment.edition
    own = edition.languages[0]
    return {
        "case": record,
        "interruptions": _interruptions(assessment),
        "topics": topic_rows(assessment),
        "script": _script(assessment),
        "corrected": any(each.action == "submission.corrected" for each in case.history),
        "missing": len(assessment.missing) if record.status == "draft" else 0,
        "answers": _answers(assessment),
        "unused": _unused(assessment),
        "flags": [_flag(flag, case, now) for flag in record.flags],
        "steps": [(to, _step(record.review, to)) for to in _steps(record)],
        "state": STATE_NAMES[record.review],
        "assignee": case.names.get(record.assignee_id or "", ""),
        "notes": [
            {"body": each.body, "at": each.created_at, "by": actor_name(case.names, each)}
            for each in case.notes
        ],
        "history": [history_line(each, case) for each in case.history],
        "spoken": language_name(record.language),
        "foreign": record.language != own,
        "edition": f"{edition.id} {edition.version}",
        "reviewed": bool(edition.meta.reviewed_by),
        "article": edition.article.article,
        "quarantine": [QUARANTINE.get(each, each) for each in spam_reasons(record.spam_reasons)],
        "attention": ATTENTION.get(record.priority or 0, ""),
        "arrived": time_since(record.submitted_at or record.created_at, now),
        "seen": case.seen,
        "news": [history_line(each, case) for each in case.changes_since_last_view],
    }


# --- answers and summary ---------------------------------------------------------------------------


def _interruptions(assessment: Assessment) -> list[Json]:
    """The interruptions that were shown before everything else, and when."""
    own = assessment.edition.phrasebooks[assessment.edition.languages[0]].rules
    return [
        each | {"own": own[each["rule"]], "at": _raised(assessment, each["rule"])}
        for each in assessment.interruptions()
    ]


def _raised(assessment: Assessment, rule: str) -> dt.datetime | None:
    """When a rule's flag was first raised, and its interruption shown; else when the form was submitted."""
    kinds = {flag.id for flag in assessment.edition.meta.flags if rule in flag.raised_by}
    times = [flag.raised_at for flag in assessment.record.flags if flag.flag_code in kinds]
    return min(times, default=assessment.record.submitted_at)


def topic_rows(assessment: Assessment) -> list[Json]:
    """Each topic as the respondent read it, with its rule, the answers that raised it, and its passages."""
    edition, own = assessment.edition, assessment.edition.languages[0]
    said_once = assessment.rendered_summary["topics"]
    fired = {each.rule.id: each for each in assessment.evaluation.fired}
    policies = {passage.id: passage.policy for passage in edition.article.passages}
    return [
        topic
        | {
            "own": edition.phrasebooks[own].rules[topic["rule"]],
            "reasons": _reasons(edition, fired[topic["rule"]]),
            "quotations": [
                each | {"policy": POLICIES[policies[each["passage"]]]} for each in topic["quotations"]
            ],
        }
        for topic in said_once
    ]


def _reasons(edition: Edition, fired: FiredRule) -> list[tuple[str, str, str]]:
    """(linkId, question, answer) in the clinic's language."""
    own = edition.languages[0]
    items = edition.phrasebooks[own].items
    return [
        (name, items[name].text, answer_text(edition, own, link_id=name, answer=answer))
        for name, answer in fired.because.items()
    ]


def _script(assessment: Assessment) -> list[Json]:
    """The open questions in the order of the form, each with the rules that its answer would settle."""
    edition = assessment.edition
    settles: dict[str, list[str]] = {}
    for each in assessment.evaluation.undetermined:
        for name in each.would_settle:
            settles.setdefault(name, []).append(each.rule)
    own, theirs = (
        edition.phrasebooks[tag].items for tag in (edition.languages[0], assessment.record.language)
    )
    answers = assessment.record.answers["answers"]
    return [
        {
            "id": name,
            "text": own[name].text,
            "theirs": theirs[name].text if theirs[name].text != own[name].text else "",
            "options": _options(edition, name),
            "answer": answer_text(edition, edition.languages[0], link_id=name, answer=answers[name])
            if name in answers
            else "",
            "rules": settles[name],
        }
        for name in edition.questionnaire.by_id
        if name in settles
    ]


def _options(edition: Edition, name: str) -> list[str]:
    words = edition.phrasebooks[edition.languages[0]].items[name]
    item = edition.asked.by_id[name]
    if item.type == "boolean":
        return [str(each) for each in (words.yes, words.no) if each]
    return [words.options[option.code] for option in item.answer_option if not option.unknown]


def _answers(assessment: Assessment) -> list[tuple[str, list[Json]]]:
    """Every page with its questions and answers, without contact details."""
    edition, own = assessment.edition, assessment.edition.languages[0]
    given = assessment.record.answers["answers"]
    pages = []
    for group in edition.asked.item:
        rows = [
            _answer(edition, own, item.link_id, given)
            for item in group.item
            if item.is_question and not item.contact and item.link_id in assessment.enabled | given.keys()
        ]
        if rows:
            pages.append((edition.texts[own].pages[group.link_id], rows))
    return pages


def _answer(edition: Edition, own: str, name: str, given: Mapping[str, Any]) -> Json:
    text = answer_text(edition, own, link_id=name, answer=given[name]) if name in given else ""
    return {"id": name, "text": edition.phrasebooks[own].items[name].text, "answer": text}


def _unused(assessment: Assessment) -> list[str]:
    """Stored answers that do not count, since their question is not enabled."""
    given = assessment.record.answers["answers"]
    return [name for name in given if name not in assessment.enabled]


# --- flags, review and history ---------------------------------------------------------------------


def _flag(flag: FlagRecord, case: Case, now: dt.datetime) -> Json:
    edition = case.assessment.edition
    acts = [each for each in case.actions if each.flag_id == flag.id]
    return {
        "id": flag.id,
        "priority": flag.priority,
        "words": edition.texts[edition.languages[0]].flags.get(flag.flag_code, flag.flag_code),
        "todo": edition.flag(flag.flag_code, flag.priority).action,
        "raised_at": flag.raised_at,
        "changed_at": flag.answer_changed_at,
        "escalated_at": flag.escalated_at,
        "closed_at": flag.closed_at,
        "due_at": flag.due_at,
        "left": time_until(flag.due_at, now) if flag.due_at and not flag.closed_at else "",
        "overdue": bool(flag.due_at and not flag.closed_at and flag.due_at <= now),
        "acts": [
            {"words": ACTIONS[each.action], "at": each.created_at, "by": actor_name(case.names, each)}
            for each in acts
        ],
    }


def _steps(record: Record) -> Sequence[Review]:
    """The review states that may follow; a form that was not submitted can't become ready."""
    steps = next(steps for at, steps in STEPS.items() if at == record.review)
    return [to for to in steps if to != "ready" or record.status != "draft"]


def _step(at: str, to: Review) -> str:
    return STEP_WORDS.get((at, to)) or STEP_TO[to]


def history_line(done: HistoryEntry, case: Case) -> Json:
    """One line of the history as text."""
    edition = case.assessment.edition
    kinds = {flag.id: flag.flag_code for flag in case.assessment.record.flags}
    flags = edition.texts[edition.languages[0]].flags
    about = flags.get(kinds.get(done.object_id, ""), "")
    return {"words": _event(done.action), "about": about, "at": done.at, "by": actor_name(case.names, done)}


def _event(action: str) -> str:
    if action in EVENTS:
        return EVENTS[action]
    thing, _, what = action.partition(".")
    if thing == "review" and what in STATE_NAMES:
        return f"Review: {STATE_NAMES[what].lower()}"
    if thing == "flag" and what in ACTIONS:
        return f"Flag: {ACTIONS[what].lower()}"
    return action.replace(".", " ").replace("_", " ")


def actor_name(names: Mapping[str, str], done: Any) -> str:
    """The name of the actor."""
    if done.actor_kind == "staff":
        return names.get(done.actor_id or "", "somebody who has left")
    if done.actor_kind == "api_key":
        return f"API key {done.actor_id}"
    return ACTORS.get(done.actor_kind, str(done.actor_kind))
