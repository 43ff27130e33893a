"""Export of one case: everything that is stored about it, as plain JSON that follows no standard.

Responsible for: answers as text and as codes, summary, flags with the actions taken, notes, history and
earlier versions; the export is recorded in the audit log first. Never: includes contact details unless they
are requested, which is recorded in the audit log as well.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.clock import format_timestamp
from app.rules.engine.edition import Edition
from app.services.auth.authorization import require_permission
from app.services.review.cases import StaffCommand, load_case
from app.services.submissions.assessment import Assessment
from app.services.submissions.json_members import member
from app.services.submissions.lifecycle import SubmissionService
from app.services.submissions.verification import require_submitted
from app.storage.db.database import Session
from app.storage.events import audit_log
from app.storage.events.audit_log import AuditAction
from app.storage.review import cases
from app.storage.review.cases import FlagAction, HistoryEntry, Note, SubmissionVersion
from app.storage.submissions.submissions import FlagRecord, Record

Json = dict[str, Any]
FORMAT = "preconsult-case/1"
ALL = 1_000_000  # maximum number of events of one case
SEALED = {"answers", "contact", "summary_provenance", "flags", "token_hash"}


@dataclass(frozen=True, slots=True)
class CaseData:
    """What was read from storage about a case. `names`: id to name of staff users."""

    notes: tuple[Note, ...]
    actions: tuple[FlagAction, ...]
    history: tuple[HistoryEntry, ...]
    versions: tuple[SubmissionVersion, ...]
    names: Mapping[str, str]


def summary_for_export(
    session: Session, submission_service: SubmissionService, turn: StaffCommand
) -> Assessment:
    """Return a case whose summary is exported. Raises Forbidden, NotFound, NotSubmitted."""
    assessment = _load_for_export(session, submission_service, turn)
    require_submitted(assessment)
    _record_export(session, turn, "summary.exported")
    return assessment


def case_document(
    session: Session, submission_service: SubmissionService, turn: StaffCommand, *, contact: bool = False
) -> Json:
    """Return everything that is stored about a case. Raises Forbidden and NotFound."""
    assessment = _load_for_export(session, submission_service, turn)
    if contact:
        require_permission(turn.principal, "contact")
        _record_export(session, turn, "contact.exported")
    _record_export(session, turn, "case.exported")
    data = _load_case_data(session, assessment)
    document: Json = {
        "format": FORMAT,
        "exported_at": format_timestamp(turn.now),
        "submission": _plain(assessment.record, data),
    }
    document |= {"contact": dict(assessment.record.contact)} if contact else {}
    return document | {
        "answers": _answers(assessment.edition, assessment.record.answers["answers"]),
        "raised_on_answers_not_kept": list(assessment.record.answers["raised"]),
        "summary": assessment.summary() if assessment.record.summary_provenance else None,
        "rested_on": assessment.record.summary_provenance,
        "undetermined": [asdict(each) for each in assessment.evaluation.undetermined],
        "flags": [_flag(flag, assessment.edition, data) for flag in assessment.record.flags],
        "notes": [_by(each, data, body=each.body) for each in data.notes],
        "versions": [_version(each, assessment.edition, contact=contact) for each in data.versions],
        "history": [_event(each, data) for each in data.history],
    }


def _load_for_export(
    session: Session, submission_service: SubmissionService, turn: StaffCommand
) -> Assessment:
    require_permission(turn.principal, "export")
    return load_case(session, submission_service, turn, "case", lock=False)


def _record_export(session: Session, turn: StaffCommand, action: str) -> None:
    audit_log.record(session, turn.actor, turn.now, AuditAction(action, "submission", turn.submission))


def _load_case_data(session: Session, assessment: Assessment) -> CaseData:
    record = assessment.record
    notes = cases.notes_of(session, record.id, assessment.key)
    actions = cases.actions_of(session, record.id)
    events = cases.history(session, [record.id, *(flag.id for flag in record.flags)], ALL)
    done: list[Note | FlagAction | HistoryEntry] = [*notes, *actions, *events]
    names = cases.staff_names(session, [record.assignee_id, *(each.actor_id for each in done)])
    versions = cases.versions_of(session, record.id, assessment.key)
    return CaseData(tuple(notes), tuple(actions), tuple(events), tuple(versions), names)


def _plain(record: Record, data: CaseData) -> Json:
    fields = (name for name in Record.__slots__ if name not in SEALED)
    document = {member(name): _json_value(getattr(record, name)) for name in fields}
    return document | {"assignee": data.names.get(record.assignee_id or "")}


def _answers(edition: Edition, answers: Mapping[str, Any]) -> list[Json]:
    """Return the answers in reading order, with question and answer text in the edition's own language."""
    texts = edition.phrasebooks[edition.languages[0]].items
    return [
        {
            "link_id": name,
            "question": texts[name].text,
            "answer": answers[name],
            "said": _answer_texts(texts[name].options, answers[name]),
        }
        for name in edition.questionnaire.order(answers)
    ]


def _answer_texts(options: Mapping[str, str], answer: Any) -> list[str]:
    codes: Iterable[Any] = answer if isinstance(answer, list | tuple) else [answer]
    return [options.get(str(code), str(code)) for code in codes]


def _flag(flag: FlagRecord, edition: Edition, data: CaseData) -> Json:
    document = {member(name): _json_value(getattr(flag, name)) for name in FlagRecord.__slots__}
    done = [_by(each, data, action=each.action) for each in data.actions if each.flag_id == flag.id]
    wanted = {each.id: each.action for each in edition.meta.flags}
    return document | {"asks_for": wanted.get(flag.flag_code), "actions": done}


def _version(version: SubmissionVersion, edition: Edition, *, contact: bool) -> Json:
    document: Json = {"version": version.version, "replaced_at": format_timestamp(version.replaced_at)}
    document |= {"contact": dict(version.contact)} if contact else {}
    return document | {
        "answers": _answers(edition, version.answers["answers"]),
        "rested_on": version.summary_provenance,
    }


def _event(event: HistoryEntry, data: CaseData) -> Json:
    return _by(event, data, action=event.action, object_type=event.object_type, object_id=event.object_id)


def _by(done: Note | FlagAction | HistoryEntry, data: CaseData, **more: Any) -> Json:
    name = data.names.get(done.actor_id or "")
    return {
        "at": format_timestamp(done.at if isinstance(done, HistoryEntry) else done.created_at),
        "by": done.actor_kind,
        "by_id": done.actor_id,
        "by_name": name,
    } | more


def _json_value(value: Any) -> Any:
    return format_timestamp(value) if isinstance(value, dt.datetime) else value
