"""Tests of demo submissions: they cover all of an edition, describe no real person, are stored as usual."""

import datetime as dt
import random
import re
from collections import Counter
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.rules.engine.condition import Answer
from app.rules.engine.edition import Edition
from app.rules.engine.evaluation import Evaluation
from app.services.demo.submissions import WEEK, Seeded, any_answer, demo_respondents, demo_timeline, seed
from app.services.operations import retention
from app.services.submissions.assessment import RetentionPolicy, SubmissionInput
from app.storage.db.database import Session
from app.storage.events.audit_log import Actor, count
from app.storage.submissions import submissions
from app.storage.submissions.listing import ListQuery, list_page
from app.storage.submissions.submissions import Record
from app.storage.tables.operations import audit_events
from app.storage.tables.submissions import flags as flag_rows
from tests.conftest import LIBRARY, Service

NOW = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
KEPT = RetentionPolicy.from_settings(hours=72, days=30)
SHORT = RetentionPolicy.from_settings(hours=1, days=1)  # the shortest terms that the settings allow
COMMAND = Actor("command")


@pytest.fixture(scope="module", params=[1, 2])
def forty(request: pytest.FixtureRequest) -> list[SubmissionInput]:
    """The people `preconsult seed` makes by default, and those of another random seed."""
    return demo_respondents(edition(), 40, random.Random(request.param))


def edition() -> Edition:
    found = LIBRARY().current("ketamine-preconsult")
    assert found is not None
    return found


def evaluated(given: SubmissionInput) -> Evaluation:
    checked = edition().check(given.answers, given.contact, complete=given.complete)
    return edition().evaluate(checked.answers, enabled=checked.enabled)


def sent(given: list[SubmissionInput]) -> list[SubmissionInput]:
    return [each for each in given if each.complete]


def codes(answer: object) -> tuple[object, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def seeded(service: Service, number: int = 1, size: int = 40) -> Seeded:
    """Run what `preconsult seed` does on a service, at the current time."""
    services = service.services
    made = services.library.current("ketamine-preconsult")
    assert made is not None
    return seed(
        services.database,
        services.submissions.vault,
        made,
        count=size,
        number=number,
        now=now(),
        terms=services.submissions.terms,
        actor=COMMAND,
    )


def records(service: Service) -> list[Record]:
    """All stored submissions, newest first as in lists."""

    def opened(session: Session) -> list[Record]:
        listed = list_page(session, ListQuery(limit=200, test=True)).rows
        found = [submissions.fetch(session, service.services.submissions.vault, each.id) for each in listed]
        return [each[0] for each in found if each]

    return service.read(opened)


# --- what is generated -----------------------------------------------------------------------------


def test_nobody_is_made_up_whom_the_edition_does_not_accept(forty: list[SubmissionInput]) -> None:
    for given in forty:
        assert edition().check(given.answers, given.contact, complete=given.complete).issues == ()


def test_nobody_answers_what_was_not_asked(forty: list[SubmissionInput]) -> None:
    for given in forty:
        answers: dict[str, Answer] = {}
        for name, answer in given.answers.items():
            assert name in edition().enabled(answers)
            answers[name] = answer  # type: ignore[assignment]


def test_a_question_that_is_switched_off_is_not_answered() -> None:
    off = LIBRARY().configured(off=frozenset({"self_harm"}), unreviewed=True).current("ketamine-preconsult")
    assert off is not None
    asked = {name for given in demo_respondents(off, 20, random.Random(1)) for name in given.answers}
    assert "visit_reason" in asked
    assert "self_harm_thoughts" not in asked


def test_names_numbers_and_addresses_are_nobody_s(forty: list[SubmissionInput]) -> None:
    contacts = [given.contact for given in forty if given.contact]
    patterns = {
        "name": r"\w+ Example",
        "phone": r"\+1 561 555 01\d\d",
        "email": r"\w+\.example\d+@example\.org",
    }
    for contact in contacts:
        for kind, text in contact.items():
            assert re.fullmatch(patterns[kind], str(text))
    assert {kind for contact in contacts for kind in contact} == set(patterns)
    assert [given for given in forty if not given.contact]


def test_an_edition_with_other_kinds_of_questions_is_walked_as_well() -> None:
    chance = random.Random(1)
    item = edition().questionnaire.by_id["pain_named_by_clinician"]
    text = item.model_copy(update={"type": "string", "answer_option": (), "max_length": 4})
    free = item.model_copy(update={"type": "boolean", "answer_option": ()})
    assert any_answer(text, chance) == "Made"
    assert {any_answer(free, chance) for _ in range(50)} == {True, False}


def test_forty_show_every_option_of_every_question(forty: list[SubmissionInput]) -> None:
    given = {
        (name, code)
        for each in sent(forty)
        for name, answer in each.answers.items()
        for code in codes(answer)
    }
    for name, item in edition().questionnaire.questions.items():
        assert {code for asked, code in given if asked == name} >= set(item.codes), name


def test_forty_fire_every_rule_and_raise_every_flag(forty: list[SubmissionInput]) -> None:
    evaluations = [evaluated(each) for each in sent(forty)]
    assert {each.rule for one in evaluations for each in one.fired} == set(edition().book.rules)
    raised = {(each.flag.id, each.priority) for one in evaluations for each in one.flags}
    assert {name for name, _ in raised} == {flag.id for flag in edition().meta.flags}
    assert {priority for _, priority in raised} == {1, 2, 3, 4}


def test_forty_come_in_every_language_with_and_without_a_booking_and_some_in_quarantine(
    forty: list[SubmissionInput],
) -> None:
    languages = Counter(each.language for each in sent(forty))
    assert set(languages) == set(edition().languages)
    assert max(languages, key=languages.__getitem__) == edition().languages[0]
    assert {each.booking_reference is None for each in forty} == {True, False}
    quarantined = {each.spam_reasons for each in forty}
    assert quarantined == {None, "honeypot", "too_fast", "honeypot too_fast"}
    assert sum(each.spam_reasons is not None for each in forty) < 10


def test_some_are_drafts_calm_ones_and_others(forty: list[SubmissionInput]) -> None:
    drafts = [each for each in forty if not each.complete]
    assert 2 <= len(drafts) <= 20
    assert {evaluated(each).attention is None for each in drafts} == {True, False}
    assert all(each.answers for each in drafts)


def test_few_people_are_as_many_as_asked_for_and_far_more_are_mostly_calm() -> None:
    assert len(demo_respondents(edition(), 1, random.Random(1))) == 1
    many = demo_respondents(edition(), 150, random.Random(1))
    urgent = [each for each in many if (evaluated(each).attention or 5) <= 2]
    assert len(many) == 150
    assert len(urgent) < 75


def test_the_same_number_gives_the_same_people_at_the_same_times_and_another_others() -> None:
    made = [demo_timeline(edition(), count=40, number=n, now=NOW, terms=KEPT) for n in (1, 1, 2)]
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize("kept", [KEPT, SHORT])
def test_they_came_over_the_last_days_the_earliest_first_and_none_is_due(kept: RetentionPolicy) -> None:
    came = demo_timeline(edition(), count=60, number=1, now=NOW, terms=kept)
    times = [at for at, _ in came]
    assert times == sorted(times)
    assert len(set(times)) > 50
    assert times[-1] <= NOW
    longest = min(WEEK, kept.submitted)
    assert longest / 4 < NOW - times[0] < longest
    assert all(kept.until(at, complete=given.complete) > NOW for at, given in came)


# --- how it is stored ------------------------------------------------------------------------------


def test_what_is_kept_is_a_test_sealed_flagged_and_audited(service: Service, same_crowd: None) -> None:
    done = seeded(service)
    kept = records(service)
    drafts = [each for each in kept if each.status == "draft"]
    assert done == Seeded(len(kept), len(drafts)) == Seeded(40, len(drafts))
    assert all(each.is_test for each in kept)
    assert service.read(partial(list_page, page=ListQuery(limit=1, test=False))).rows == ()
    acts = {
        "submission.submitted": 40 - len(drafts),
        "submission.drafted": len(drafts),
        "flag.raised": sum(len(each.flags) for each in kept),
    }
    for action, wanted in acts.items():
        assert service.read(partial(count, action=action)) == wanted > 0
    # meanwhile the service may have escalated what was overdue from the start
    by = sa.select(audit_events.c.actor_kind).where(audit_events.c.action.in_(acts))
    assert service.read(lambda session: {*session.execute(by).scalars()}) == {"command"}
    sealed = service.read(lambda session: [*session.execute(sa.select(flag_rows.c.flag_code)).scalars()])
    assert not any(flag.id.encode() in bytes(each) for flag in edition().meta.flags for each in sealed)


def test_lists_show_the_newest_first_and_a_purge_erases_none(service: Service, same_crowd: None) -> None:
    seeded(service)
    times = [each.created_at for each in records(service)]
    assert times == sorted(times, reverse=True)
    assert service.database.write_blocking(partial(retention.purge, now=now())).submissions == 0


def test_the_same_number_keeps_the_same_answers_under_ids_and_keys_of_their_own(
    service: Service, same_crowd: None
) -> None:
    seeded(service, size=12)
    seeded(service, size=12)
    second, first = records(service)[::2], records(service)[1::2]  # each was created just after its twin
    fleeting = {"id", "token_hash", "created_at", "updated_at", "submitted_at", "retained_until", "due_at"}
    fleeting |= {"flags"}

    def lasting(record: Record) -> dict[str, Any]:
        return {each.name: getattr(record, each.name) for each in fields(record) if each.name not in fleeting}

    assert [lasting(each) for each in first] == [lasting(each) for each in second]
    assert len({each.id for each in (*first, *second)} | {each.token_hash for each in first}) == 36


def test_staff_find_them_in_the_list_and_read_each_summary(
    service: Service, same_crowd: None, staff: dict[str, str]
) -> None:
    seeded(service)
    listed = service.client.get("/v1/submissions?test=true&limit=200", headers=staff).json()["items"]
    assert len(listed) == 40
    for each in listed:
        document = service.client.get(f"/v1/submissions/{each['id']}", headers=staff).json()
        assert (document["status"] == "submitted") is ("summary" in document)
    one = next(each for each in listed if each["status"] == "submitted")
    answer = service.client.get(f"/v1/submissions/{one['id']}/verification", headers=staff)
    assert answer.json()["identical"] is True
