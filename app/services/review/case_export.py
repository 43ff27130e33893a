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
SEALED = {"answers", "contact", "trace", "flags", "token_hash"}


@dataclass(frozen=True, slots=True)
class CaseData:
    """What was read from storage about a case. `names`: id to name of staff users."""

    notes: tuple[Note, ...]
    actions: tuple[FlagAction, ...]
    history: tuple[HistoryEntry, ...]
    versions: tuple[SubmissionVersion, ...]
    names: Mapping[str, str]


def summary_for_export(session: Session, desk: SubmissionService, turn: StaffCommand) -> Assessment:
    """Return a case whose summary is exported. Raises Forbidden, NotFound, NotSubmitted."""
    drawn = _opened(session, desk, turn)
    require_submitted(drawn)
    _taken(session, turn, "summary.exported")
    return drawn


def case_document(
    session: Session, desk: SubmissionService, turn: StaffCommand, *, contact: bool = False
) -> Json:
    """Return everything that is stored about a case. Raises Forbidden and NotFound."""
    drawn = _opened(session, desk, turn)
    if contact:
        require_permission(turn.principal, "contact")
        _taken(session, turn, "contact.exported")
    _taken(session, turn, "case.exported")
    kept = _kept(session, drawn)
    told: Json = {
        "format": FORMAT,
        "exported_at": format_timestamp(turn.now),
        "submission": _plain(drawn.record, kept),
    }
    told |= {"contact": dict(drawn.record.contact)} if contact else {}
    return told | {
        "answers": _answers(drawn.edition, drawn.record.answers["answers"]),
        "raised_on_answers_not_kept": list(drawn.record.answers["raised"]),
        "summary": drawn.summary() if drawn.record.trace else None,
        "rested_on": drawn.record.trace,
        "undetermined": [asdict(each) for each in drawn.evaluation.undetermined],
        "flags": [_flag(flag, drawn.edition, kept) for flag in drawn.record.flags],
        "notes": [_by(each, kept, body=each.body) for each in kept.notes],
        "versions": [_version(each, drawn.edition, contact=contact) for each in kept.versions],
        "history": [_event(each, kept) for each in kept.history],
    }


def _opened(session: Session, desk: SubmissionService, turn: StaffCommand) -> Assessment:
    require_permission(turn.principal, "export")
    return load_case(session, desk, turn, "case", lock=False)


def _taken(session: Session, turn: StaffCommand, action: str) -> None:
    audit_log.record(session, turn.actor, turn.now, AuditAction(action, "submission", turn.submission))


def _kept(session: Session, drawn: Assessment) -> CaseData:
    record = drawn.record
    notes = cases.notes_of(session, record.id, drawn.key)
    actions = cases.actions_of(session, record.id)
    events = cases.history(session, [record.id, *(flag.id for flag in record.flags)], ALL)
    done: list[Note | FlagAction | HistoryEntry] = [*notes, *actions, *events]
    names = cases.staff_names(session, [record.assignee_id, *(each.actor_id for each in done)])
    versions = cases.versions_of(session, record.id, drawn.key)
    return CaseData(tuple(notes), tuple(actions), tuple(events), tuple(versions), names)


def _plain(record: Record, kept: CaseData) -> Json:
    fields = (name for name in Record.__slots__ if name not in SEALED)
    told = {name: _json_value(getattr(record, name)) for name in fields}
    return told | {"assignee": kept.names.get(record.assignee_id or "")}


def _answers(edition: Edition, answers: Mapping[str, Any]) -> list[Json]:
    """Return the answers in reading order, with question and answer text in the edition's own language."""
    words = edition.phrasebooks[edition.languages[0]].items
    return [
        {
            "link_id": name,
            "question": words[name].text,
            "answer": answers[name],
            "said": _said(words[name].options, answers[name]),
        }
        for name in edition.questionnaire.order(answers)
    ]


def _said(options: Mapping[str, str], answer: Any) -> list[str]:
    codes: Iterable[Any] = answer if isinstance(answer, list | tuple) else [answer]
    return [options.get(str(code), str(code)) for code in codes]


def _flag(flag: FlagRecord, edition: Edition, kept: CaseData) -> Json:
    told = {name: _json_value(getattr(flag, name)) for name in FlagRecord.__slots__}
    done = [_by(each, kept, action=each.action) for each in kept.actions if each.flag_id == flag.id]
    wanted = {each.id: each.action for each in edition.meta.flags}
    return told | {"asks_for": wanted.get(flag.kind), "actions": done}


def _version(version: SubmissionVersion, edition: Edition, *, contact: bool) -> Json:
    told: Json = {"version": version.version, "replaced_at": format_timestamp(version.replaced_at)}
    told |= {"contact": dict(version.contact)} if contact else {}
    return told | {"answers": _answers(edition, version.answers["answers"]), "rested_on": version.trace}


def _event(event: HistoryEntry, kept: CaseData) -> Json:
    return _by(event, kept, action=event.action, object_type=event.object_type, object_id=event.object_id)


def _by(done: Note | FlagAction | HistoryEntry, kept: CaseData, **more: Any) -> Json:
    name = kept.names.get(done.actor_id or "")
    return {
        "at": format_timestamp(done.at),
        "by": done.actor_kind,
        "by_id": done.actor_id,
        "by_name": name,
    } | more


def _json_value(value: Any) -> Any:
    return format_timestamp(value) if isinstance(value, dt.datetime) else value
