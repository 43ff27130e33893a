"""Tests of form sessions: what opens a submission, what is saved of a page, and that no answer is lost."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import now
from app.errors import Gone, InvalidAnswers, NotADraft, NotFound, SessionEnded
from app.services.auth.authorization import hash_token
from app.services.idempotency import Claim
from app.services.operations import retention
from app.services.submissions import form_sessions
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.services.submissions.form_sessions import (
    LATE_PAGE_ACCEPTED_FOR,
    RESUME_LINK_TTL,
    FormPageInput,
    SaveResult,
)
from app.services.submissions.lifecycle import SubmissionService
from app.services.submissions.verification import verify
from app.storage.events.audit_log import Actor
from app.storage.tables.base import metadata
from app.storage.tables.submissions import flags, form_tokens, submissions
from tests.conftest import Service
from tests.sample_answers import CARA, PAT_CONTACT, Answers

HOUR = dt.timedelta(hours=1)
MOMENT = dt.timedelta(milliseconds=1)
ME = Actor("respondent", None, "test")
START: Answers = {"info_only": True, "answering_for": "myself", "age_band": "25_44"}
REST = {name: value for name, value in CARA.items() if name not in START}
ON: frozenset[str] = frozenset()
OFF = frozenset({"self_harm"})


@dataclass
class FormStack:
    """A service with its own clock and one method for each action of a respondent."""

    service: Service
    at: dt.datetime = field(default_factory=now)
    off: frozenset[str] | None = None

    @property
    def submission_service(self) -> SubmissionService:
        """The submission services of a clinic that has disabled the optional question groups in `off`."""
        submission_service = self.service.services.submissions
        if self.off is None:
            return submission_service
        return SubmissionService(
            submission_service.library.configured(off=self.off, unreviewed=True),
            submission_service.vault,
            submission_service.terms,
        )

    def do(self, work: Callable[..., Any], *given: Any, **more: Any) -> Any:
        return self.service.database.write_blocking(
            lambda session: work(session, self.submission_service, *given, **more)
        )

    def begin(self, answers: Answers = START, instance: str = "", hours: int = 1) -> str:
        """A draft with an open session; gives the secret."""
        secret = form_sessions.new_secret()
        self.draft(answers, instance or secret, secret, hours)
        return secret

    def draft(self, answers: Answers, instance: str, secret: str, hours: int = 1) -> str:
        """Create a draft and its session; returns the id of the draft."""
        edition = self.submission_service.library.current("ketamine-preconsult")
        assert edition
        given = SubmissionInput(answers, complete=False)
        assessment = assess_new(edition, given, new_token(), now=self.at, terms=self.submission_service.terms)
        claim = Claim.from_request("form", instance, b"POST /form")
        kept: str = self.do(
            form_sessions.start_session,
            assessment,
            claim,
            secret,
            until=self.at + hours * HOUR,
            now=self.at,
            actor=ME,
        )
        return kept

    def read(self, secret: str, *, late: bool = False) -> Assessment:
        found: Assessment = self.do(form_sessions.read, secret, now=self.at, late=late)
        return found

    def save(self, secret: str, answers: Answers, language: str = "en", **contact: Any) -> SaveResult:
        page = FormPageInput(answers, contact)
        found: SaveResult = self.do(
            form_sessions.save, secret, page, language, until=self.at + HOUR, now=self.at, actor=ME
        )
        return found

    def submit(self, secret: str) -> Assessment:
        until = self.at + HOUR
        found: SaveResult = self.do(form_sessions.submit, secret, until=until, now=self.at, actor=ME)
        return found.assessment

    def erase(self, secret: str) -> None:
        self.do(form_sessions.erase, secret, now=self.at, actor=ME)

    def link(self, secret: str) -> tuple[str, dt.datetime]:
        """A link back in, and until when it opens."""
        made = form_sessions.new_secret()
        return made, self.do(form_sessions.create_resume_link, secret, made, now=self.at, actor=ME)

    def resume(self, link: str) -> str:
        """The secret of the session that a link opens."""
        secret = form_sessions.new_secret()
        self.do(form_sessions.resume, link, secret, until=self.at + HOUR, now=self.at, actor=ME)
        return secret

    def leave(self, secret: str) -> None:
        self.service.database.write_blocking(partial(form_sessions.end_session, secret=secret))

    def answers(self, secret: str, *, late: bool = False) -> Answers:
        return dict(self.read(secret, late=late).record.answers["answers"])

    def rows(self, table: sa.Table) -> int:
        asked = sa.select(sa.func.count()).select_from(table)
        return self.service.read(lambda session: session.execute(asked).scalar_one())


@pytest.fixture
def stack(service: Service) -> FormStack:
    return FormStack(service)


# --- refused ---------------------------------------------------------------------------------------


def test_a_secret_nobody_was_given_opens_nothing(stack: FormStack) -> None:
    stack.begin()
    stranger = form_sessions.new_secret()
    for act in (stack.read, stack.submit, stack.erase, stack.link):
        with pytest.raises(SessionEnded):
            act(stranger)
    with pytest.raises(SessionEnded):
        stack.save(stranger, {"ride_home": "no"})
    with pytest.raises(NotFound):
        stack.resume(stranger)


def test_a_session_is_no_link_and_a_link_is_no_session(stack: FormStack) -> None:
    secret = stack.begin()
    link, _ = stack.link(secret)
    with pytest.raises(NotFound):
        stack.resume(secret)
    for act in (stack.read, stack.submit, stack.erase, stack.link):
        with pytest.raises(SessionEnded):
            act(link)
    with pytest.raises(SessionEnded):
        stack.save(link, {"ride_home": "no"})


def test_a_session_that_is_over_opens_nothing_from_that_moment(stack: FormStack) -> None:
    secret = stack.begin()
    stack.at += HOUR - MOMENT
    stack.read(secret)
    stack.at += MOMENT
    for act in (stack.read, stack.erase, stack.link):
        with pytest.raises(SessionEnded):
            act(secret)
    assert stack.rows(submissions) == 1
    assert stack.read(secret, late=True).record.status == "draft"


def test_a_page_sent_long_after_the_session_is_not_kept(stack: FormStack) -> None:
    secret = stack.begin()
    link, _ = stack.link(secret)
    stack.at += HOUR + LATE_PAGE_ACCEPTED_FOR
    with pytest.raises(SessionEnded):
        stack.save(secret, {"ride_home": "no"})
    with pytest.raises(SessionEnded):
        stack.read(secret, late=True)
    assert stack.answers(stack.resume(link)) == START


def test_a_link_that_is_over_looks_like_one_that_never_was(stack: FormStack) -> None:
    secret = stack.begin()
    link, until = stack.link(secret)
    told = []
    for tried in (link, form_sessions.new_secret(), secret):
        stack.at = until
        with pytest.raises(NotFound) as refused:
            stack.resume(tried)
        told.append(refused.value.detail)
    assert len(set(told)) == 1
    stack.at = until - MOMENT
    assert stack.answers(stack.resume(link)) == START


def test_what_is_kept_no_longer_ends_its_sessions_and_links(stack: FormStack) -> None:
    secret = stack.begin(hours=1000)
    link, until = stack.link(secret)
    stack.at = stack.read(secret).record.retained_until
    assert until == stack.at
    with pytest.raises(SessionEnded):
        stack.read(secret)
    with pytest.raises(SessionEnded):
        stack.save(secret, {"ride_home": "no"})
    with pytest.raises(NotFound):
        stack.resume(link)


def test_what_is_erased_is_gone_for_every_session_link_and_for_its_form(stack: FormStack) -> None:
    secret = stack.begin(instance="form-1")
    link, _ = stack.link(secret)
    other = stack.resume(link)
    stack.erase(secret)
    for each in (secret, other):
        with pytest.raises(SessionEnded):
            stack.read(each)
        with pytest.raises(SessionEnded):
            stack.save(each, {"ride_home": "no"})
    with pytest.raises(NotFound):
        stack.resume(link)
    with pytest.raises(Gone):
        stack.begin(instance="form-1")
    assert (stack.rows(submissions), stack.rows(flags), stack.rows(form_tokens)) == (0, 0, 0)


def test_one_persons_secrets_open_nothing_of_another(stack: FormStack) -> None:
    ada, ben = stack.begin(), stack.begin(START | {"age_band": "65_plus"})
    link, _ = stack.link(ben)
    stack.save(ada, {"ride_home": "no"})
    stack.erase(ada)
    assert stack.answers(ben) == stack.answers(stack.resume(link)) == START | {"age_band": "65_plus"}


def test_a_session_that_was_left_is_over_and_others_go_on(stack: FormStack) -> None:
    secret = stack.begin()
    other = stack.resume(stack.link(secret)[0])
    stack.leave(secret)
    stack.leave(form_sessions.new_secret())
    with pytest.raises(SessionEnded):
        stack.read(secret, late=True)
    assert stack.answers(other) == START


def test_a_form_that_was_sent_takes_no_more_answers(stack: FormStack) -> None:
    secret = stack.begin()
    stack.save(secret, REST)
    stack.submit(secret)
    for late in (dt.timedelta(0), 2 * HOUR):
        stack.at += late
        with pytest.raises(NotADraft):
            stack.save(secret, {"ride_home": "no"})
    assert stack.answers(secret, late=True) == CARA


def test_a_form_with_questions_open_is_not_sent_and_stays_a_draft(stack: FormStack) -> None:
    secret = stack.begin()
    with pytest.raises(InvalidAnswers) as refused:
        stack.submit(secret)
    assert "/answers/urgent_signs" in [error.pointer for error in refused.value.errors]
    assert stack.read(secret).record.status == "draft"


# --- errors ----------------------------------------------------------------------------------------


def test_good_answers_are_kept_beside_bad_ones(stack: FormStack) -> None:
    secret = stack.begin()
    page = {"visit_reason": ["low_mood", "none"], "urgent_signs": "x", "ride_home": "no", "no_such": "y"}
    saved = stack.save(secret, page | {"pain_intensity": 11, "takes_medicines": "yes"})
    assert stack.answers(secret) == START | {"ride_home": "no", "takes_medicines": "yes"}
    assert sorted({issue.pointer.split("/")[2] for issue in saved.issues}) == [
        "no_such", "pain_intensity", "urgent_signs", "visit_reason",
    ]  # fmt: skip


def test_a_bad_answer_leaves_the_good_one_before_it(stack: FormStack) -> None:
    secret = stack.begin()
    stack.save(secret, {"visit_reason": ["long_term_pain"], "pain_intensity": 7})
    saved = stack.save(secret, {"pain_intensity": "a lot", "pain_duration": None})
    assert [(issue.pointer, issue.code) for issue in saved.issues] == [
        ("/answers/pain_intensity", "wrong_type")
    ]
    assert stack.answers(secret)["pain_intensity"] == 7


def test_good_contact_details_are_kept_beside_bad_ones(stack: FormStack) -> None:
    secret = stack.begin()
    saved = stack.save(
        secret, {"contact_permission": "yes"}, phone=PAT_CONTACT["phone"], email="nowhere", name="a\0b"
    )
    assert stack.read(secret).record.contact == {"phone": PAT_CONTACT["phone"]}
    assert sorted(issue.pointer for issue in saved.issues) == ["/contact/email", "/contact/name"]


def test_an_answer_that_was_taken_back_is_gone(stack: FormStack) -> None:
    secret = stack.begin(START | {"ride_home": "no", "contact_permission": "yes"})
    stack.save(secret, {}, name="Pat")
    stack.save(secret, {"ride_home": None}, name=None)
    assert "ride_home" not in stack.answers(secret)
    assert stack.read(secret).record.contact == {}


# --- allowed ---------------------------------------------------------------------------------------


def test_a_page_that_comes_late_is_kept_and_told_to_be_late(stack: FormStack) -> None:
    secret = stack.begin()
    link, _ = stack.link(secret)
    stack.at += HOUR
    assert stack.save(secret, {"ride_home": "no"}).ended
    stack.at += LATE_PAGE_ACCEPTED_FOR - MOMENT
    assert stack.save(secret, {"takes_medicines": "yes"}).ended
    with pytest.raises(SessionEnded):
        stack.read(secret)
    assert stack.answers(stack.resume(link)) == START | {"ride_home": "no", "takes_medicines": "yes"}


def test_each_page_sent_lets_the_session_go_on(stack: FormStack) -> None:
    secret = stack.begin()
    for _ in range(4):
        stack.at += HOUR - MOMENT
        assert not stack.save(secret, {"ride_home": "no"}).ended
    stack.at += HOUR
    assert stack.save(secret, {"ride_home": "yes"}).ended


def test_looking_does_not_let_the_session_go_on(stack: FormStack) -> None:
    secret = stack.begin()
    stack.at += HOUR - MOMENT
    stack.read(secret)
    stack.at += MOMENT
    with pytest.raises(SessionEnded):
        stack.read(secret)


def test_the_same_form_handed_in_twice_opens_one_draft_twice(stack: FormStack) -> None:
    secrets = form_sessions.new_secret(), form_sessions.new_secret()
    ids = {stack.draft(START, "form-1", secret) for secret in secrets}
    assert (len(ids), stack.rows(submissions), stack.service.audit_count("submission.drafted")) == (1, 1, 1)
    stack.save(secrets[0], {"ride_home": "no"})
    assert stack.answers(secrets[1]) == START | {"ride_home": "no"}
    assert stack.draft(START, "form-2", form_sessions.new_secret()) not in ids


def test_the_same_form_handed_in_by_many_at_once_opens_one_draft(stack: FormStack) -> None:
    ids: list[str] = []
    hands = [
        threading.Thread(target=lambda: ids.append(stack.draft(START, "form-1", form_sessions.new_secret())))
        for _ in range(6)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert (len(ids), len(set(ids)), stack.rows(submissions)) == (6, 1, 1)


def test_a_link_opens_the_form_again_and_again_on_any_device(stack: FormStack) -> None:
    secret = stack.begin()
    link, _ = stack.link(secret)
    one, other = stack.resume(link), stack.resume(link)
    stack.save(one, {"ride_home": "no"})
    assert stack.answers(other) == stack.answers(secret) == START | {"ride_home": "no"}
    assert (stack.service.audit_count("link.made"), stack.service.audit_count("link.used")) == (1, 2)


def test_a_link_lives_two_weeks_or_as_long_as_what_it_opens(stack: FormStack) -> None:
    secret = stack.begin()
    assert stack.link(secret)[1] == stack.read(secret).record.retained_until < stack.at + RESUME_LINK_TTL
    link, until = stack.link(secret)
    stack.save(secret, REST)
    stack.submit(secret)
    assert stack.link(secret)[1] == stack.at + RESUME_LINK_TTL < stack.read(secret).record.retained_until
    stack.at = until + HOUR
    assert stack.read(stack.resume(link)).record.status == "submitted", (
        "the link goes on as long as what it opens"
    )


def test_a_flag_is_raised_when_its_answer_is_saved_and_never_taken_away(stack: FormStack) -> None:
    secret = stack.begin()
    raised = stack.save(secret, {"self_harm_thoughts": "now"}).assessment.record
    assert (raised.status, raised.priority) == ("draft", 1)
    assert {flag.flag_code for flag in raised.flags} == {"self_harm_now", "no_contact_route"}
    assert {flag.answer_changed_at for flag in raised.flags} == {None}
    stack.at += MOMENT
    changed = stack.save(secret, {"self_harm_thoughts": "no"}).assessment.record
    assert {(flag.id, flag.flag_code) for flag in changed.flags} == {
        (flag.id, flag.flag_code) for flag in raised.flags
    }
    assert {flag.answer_changed_at for flag in changed.flags} == {stack.at}
    assert changed.priority == 1
    assert (stack.service.audit_count("flag.raised"), stack.service.audit_count("flag.answer_changed")) == (
        2,
        2,
    )


def test_a_flag_of_a_late_page_is_raised_all_the_same(stack: FormStack) -> None:
    secret = stack.begin()
    stack.at += 2 * HOUR
    saved = stack.save(secret, {"self_harm_thoughts": "recent"})
    assert saved.ended
    assert "self_harm_recent" in {flag.flag_code for flag in saved.assessment.record.flags}


def test_no_health_answers_of_somebody_under_18_are_kept(stack: FormStack) -> None:
    secret = stack.begin()
    stack.save(secret, {"self_harm_thoughts": "now", "health_topics": ["liver"], "pain_intensity": 3})
    stack.save(secret, {"age_band": "under_18"})
    assert stack.answers(secret) == START | {"age_band": "under_18"}
    assessment = stack.submit(secret)
    assert assessment.record.answers["answers"] == START | {"age_band": "under_18"}
    assert [each["rule"] for each in assessment.interruptions()] == ["U18", "S_NOW"]
    assert assessment.summary()["topics"] == []


def test_the_language_of_the_last_page_is_the_language_of_the_form(stack: FormStack) -> None:
    secret = stack.begin()
    stack.save(secret, {}, language="ht")
    assert stack.read(secret).record.language == "ht"
    assert stack.submit(stack.begin(CARA)).summary()["language"] == "en"


def test_a_form_sent_twice_is_sent_once(stack: FormStack) -> None:
    secret = stack.begin()
    stack.save(secret, REST)
    first = stack.submit(secret)
    stack.at += MOMENT
    again = stack.submit(secret)
    assert again.record == stack.read(secret).record
    assert (again.record.version, again.record.submitted_at) == (
        first.record.version,
        first.record.submitted_at,
    )
    assert again.summary() == first.summary()
    assert stack.service.audit_count("submission.submitted") == 1


@pytest.mark.parametrize(("then", "today"), [(OFF, ON), (ON, OFF)], ids=["off then on", "on then off"])
@pytest.mark.parametrize("said", [None, "no", "past", "prefer_not_to_say"])
def test_what_was_said_stays_the_same_when_the_clinic_turns_a_switch(
    stack: FormStack, then: frozenset[str], today: frozenset[str], said: str | None
) -> None:
    stack.off = then
    secret = stack.begin(CARA | ({"self_harm_thoughts": said} if said else {}))
    summary = stack.submit(secret).summary()
    for switches in (then, today, then):
        stack.off = switches
        assessment = stack.read(secret)
        assert (verify(assessment)["identical"], verify(assessment)["differences"]) == (True, [])
        assert (assessment.summary(), assessment.edition.off) == (summary, then)


def test_a_draft_is_asked_what_is_asked_today(stack: FormStack) -> None:
    secret = stack.begin()
    for switches, asked in ((OFF, False), (ON, True), (OFF, False)):
        stack.off = switches
        assert ("self_harm_thoughts" in stack.read(secret).enabled) is asked
    stack.save(secret, REST)
    assert stack.submit(secret).record.answers["off"] == ["self_harm"]


# --- what is stored --------------------------------------------------------------------------------


def test_secrets_are_kept_as_hashes_alone(stack: FormStack) -> None:
    secret = stack.begin(instance="the-form")
    link, _ = stack.link(secret)
    other = stack.resume(link)

    def dump(session: Any) -> list[Any]:
        return [row for table in metadata.sorted_tables for row in session.execute(sa.select(table)).all()]

    kept = b"\0".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for row in stack.service.read(dump)
        for value in row
    )
    for each in (secret, link, other):
        assert each.encode() not in kept
        assert hash_token(each) in kept
    assert b"the-form" not in kept


def test_purging_forgets_sessions_and_links_a_day_after_they_ended(stack: FormStack) -> None:
    secret = stack.begin()
    stack.link(secret)
    left = []
    for at in (
        HOUR + LATE_PAGE_ACCEPTED_FOR,
        HOUR + LATE_PAGE_ACCEPTED_FOR + MOMENT,
        72 * HOUR - MOMENT,
        72 * HOUR,
    ):
        stack.service.database.write_blocking(partial(retention.purge, now=stack.at + at))
        left.append((stack.rows(submissions), stack.rows(form_tokens)))
    assert left == [(1, 2), (1, 1), (1, 1), (0, 0)]


def test_a_purge_forgets_the_sessions_of_what_it_erases(stack: FormStack) -> None:
    stack.begin(hours=1000)
    stack.service.database.write_blocking(partial(retention.purge, now=stack.at + 73 * HOUR))
    assert (stack.rows(submissions), stack.rows(form_tokens)) == (0, 0)
