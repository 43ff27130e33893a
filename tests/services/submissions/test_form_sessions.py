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
from app.storage.events.audit_log import Actor, count
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
class Clinic:
    """A service with its own clock and one method for each action of a respondent."""

    service: Service
    at: dt.datetime = field(default_factory=now)
    off: frozenset[str] | None = None

    @property
    def desk(self) -> SubmissionService:
        """The submission services of a clinic that has disabled the optional question groups in `off`."""
        desk = self.service.services.submissions
        if self.off is None:
            return desk
        return SubmissionService(
            desk.library.configured(off=self.off, unreviewed=True), desk.vault, desk.terms
        )

    def do(self, work: Callable[..., Any], *given: Any, **more: Any) -> Any:
        return self.service.database.write_blocking(lambda session: work(session, self.desk, *given, **more))

    def begin(self, answers: Answers = START, instance: str = "", hours: int = 1) -> str:
        """A draft with an open session; gives the secret."""
        secret = form_sessions.new_secret()
        self.draft(answers, instance or secret, secret, hours)
        return secret

    def draft(self, answers: Answers, instance: str, secret: str, hours: int = 1) -> str:
        """Create a draft and its session; returns the id of the draft."""
        edition = self.desk.library.current("ketamine-preconsult")
        assert edition
        given = SubmissionInput(answers, complete=False)
        drawn = assess_new(edition, given, new_token(), now=self.at, terms=self.desk.terms)
        claim = Claim.from_request("form", instance, b"POST /form")
        kept: str = self.do(
            form_sessions.start_session,
            drawn,
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
        return found.drawn

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

    def told(self, action: str) -> int:
        """Returns how many audit events have this action."""
        return self.service.read(partial(count, action=action))


@pytest.fixture
def clinic(service: Service) -> Clinic:
    return Clinic(service)


# --- refused ---------------------------------------------------------------------------------------


def test_a_secret_nobody_was_given_opens_nothing(clinic: Clinic) -> None:
    clinic.begin()
    stranger = form_sessions.new_secret()
    for act in (clinic.read, clinic.submit, clinic.erase, clinic.link):
        with pytest.raises(SessionEnded):
            act(stranger)
    with pytest.raises(SessionEnded):
        clinic.save(stranger, {"ride_home": "no"})
    with pytest.raises(NotFound):
        clinic.resume(stranger)


def test_a_session_is_no_link_and_a_link_is_no_session(clinic: Clinic) -> None:
    secret = clinic.begin()
    link, _ = clinic.link(secret)
    with pytest.raises(NotFound):
        clinic.resume(secret)
    for act in (clinic.read, clinic.submit, clinic.erase, clinic.link):
        with pytest.raises(SessionEnded):
            act(link)
    with pytest.raises(SessionEnded):
        clinic.save(link, {"ride_home": "no"})


def test_a_session_that_is_over_opens_nothing_from_that_moment(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.at += HOUR - MOMENT
    clinic.read(secret)
    clinic.at += MOMENT
    for act in (clinic.read, clinic.erase, clinic.link):
        with pytest.raises(SessionEnded):
            act(secret)
    assert clinic.rows(submissions) == 1
    assert clinic.read(secret, late=True).record.status == "draft"


def test_a_page_sent_long_after_the_session_is_not_kept(clinic: Clinic) -> None:
    secret = clinic.begin()
    link, _ = clinic.link(secret)
    clinic.at += HOUR + LATE_PAGE_ACCEPTED_FOR
    with pytest.raises(SessionEnded):
        clinic.save(secret, {"ride_home": "no"})
    with pytest.raises(SessionEnded):
        clinic.read(secret, late=True)
    assert clinic.answers(clinic.resume(link)) == START


def test_a_link_that_is_over_looks_like_one_that_never_was(clinic: Clinic) -> None:
    secret = clinic.begin()
    link, until = clinic.link(secret)
    told = []
    for tried in (link, form_sessions.new_secret(), secret):
        clinic.at = until
        with pytest.raises(NotFound) as refused:
            clinic.resume(tried)
        told.append(refused.value.detail)
    assert len(set(told)) == 1
    clinic.at = until - MOMENT
    assert clinic.answers(clinic.resume(link)) == START


def test_what_is_kept_no_longer_ends_its_sessions_and_links(clinic: Clinic) -> None:
    secret = clinic.begin(hours=1000)
    link, until = clinic.link(secret)
    clinic.at = clinic.read(secret).record.retained_until
    assert until == clinic.at
    with pytest.raises(SessionEnded):
        clinic.read(secret)
    with pytest.raises(SessionEnded):
        clinic.save(secret, {"ride_home": "no"})
    with pytest.raises(NotFound):
        clinic.resume(link)


def test_what_is_erased_is_gone_for_every_session_link_and_for_its_form(clinic: Clinic) -> None:
    secret = clinic.begin(instance="form-1")
    link, _ = clinic.link(secret)
    other = clinic.resume(link)
    clinic.erase(secret)
    for each in (secret, other):
        with pytest.raises(SessionEnded):
            clinic.read(each)
        with pytest.raises(SessionEnded):
            clinic.save(each, {"ride_home": "no"})
    with pytest.raises(NotFound):
        clinic.resume(link)
    with pytest.raises(Gone):
        clinic.begin(instance="form-1")
    assert (clinic.rows(submissions), clinic.rows(flags), clinic.rows(form_tokens)) == (0, 0, 0)


def test_one_persons_secrets_open_nothing_of_another(clinic: Clinic) -> None:
    ada, ben = clinic.begin(), clinic.begin(START | {"age_band": "65_plus"})
    link, _ = clinic.link(ben)
    clinic.save(ada, {"ride_home": "no"})
    clinic.erase(ada)
    assert clinic.answers(ben) == clinic.answers(clinic.resume(link)) == START | {"age_band": "65_plus"}


def test_a_session_that_was_left_is_over_and_others_go_on(clinic: Clinic) -> None:
    secret = clinic.begin()
    other = clinic.resume(clinic.link(secret)[0])
    clinic.leave(secret)
    clinic.leave(form_sessions.new_secret())
    with pytest.raises(SessionEnded):
        clinic.read(secret, late=True)
    assert clinic.answers(other) == START


def test_a_form_that_was_sent_takes_no_more_answers(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.save(secret, REST)
    clinic.submit(secret)
    for late in (dt.timedelta(0), 2 * HOUR):
        clinic.at += late
        with pytest.raises(NotADraft):
            clinic.save(secret, {"ride_home": "no"})
    assert clinic.answers(secret, late=True) == CARA


def test_a_form_with_questions_open_is_not_sent_and_stays_a_draft(clinic: Clinic) -> None:
    secret = clinic.begin()
    with pytest.raises(InvalidAnswers) as refused:
        clinic.submit(secret)
    assert "/answers/urgent_signs" in [error.pointer for error in refused.value.errors]
    assert clinic.read(secret).record.status == "draft"


# --- errors ----------------------------------------------------------------------------------------


def test_good_answers_are_kept_beside_bad_ones(clinic: Clinic) -> None:
    secret = clinic.begin()
    page = {"visit_reason": ["low_mood", "none"], "urgent_signs": "x", "ride_home": "no", "no_such": "y"}
    saved = clinic.save(secret, page | {"pain_intensity": 11, "takes_medicines": "yes"})
    assert clinic.answers(secret) == START | {"ride_home": "no", "takes_medicines": "yes"}
    assert sorted({issue.pointer.split("/")[2] for issue in saved.issues}) == [
        "no_such", "pain_intensity", "urgent_signs", "visit_reason",
    ]  # fmt: skip


def test_a_bad_answer_leaves_the_good_one_before_it(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.save(secret, {"visit_reason": ["long_term_pain"], "pain_intensity": 7})
    saved = clinic.save(secret, {"pain_intensity": "a lot", "pain_duration": None})
    assert [(issue.pointer, issue.code) for issue in saved.issues] == [
        ("/answers/pain_intensity", "wrong_type")
    ]
    assert clinic.answers(secret)["pain_intensity"] == 7


def test_good_contact_details_are_kept_beside_bad_ones(clinic: Clinic) -> None:
    secret = clinic.begin()
    saved = clinic.save(
        secret, {"contact_permission": "yes"}, phone=PAT_CONTACT["phone"], email="nowhere", name="a\0b"
    )
    assert clinic.read(secret).record.contact == {"phone": PAT_CONTACT["phone"]}
    assert sorted(issue.pointer for issue in saved.issues) == ["/contact/email", "/contact/name"]


def test_an_answer_that_was_taken_back_is_gone(clinic: Clinic) -> None:
    secret = clinic.begin(START | {"ride_home": "no", "contact_permission": "yes"})
    clinic.save(secret, {}, name="Pat")
    clinic.save(secret, {"ride_home": None}, name=None)
    assert "ride_home" not in clinic.answers(secret)
    assert clinic.read(secret).record.contact == {}


# --- allowed ---------------------------------------------------------------------------------------


def test_a_page_that_comes_late_is_kept_and_told_to_be_late(clinic: Clinic) -> None:
    secret = clinic.begin()
    link, _ = clinic.link(secret)
    clinic.at += HOUR
    assert clinic.save(secret, {"ride_home": "no"}).ended
    clinic.at += LATE_PAGE_ACCEPTED_FOR - MOMENT
    assert clinic.save(secret, {"takes_medicines": "yes"}).ended
    with pytest.raises(SessionEnded):
        clinic.read(secret)
    assert clinic.answers(clinic.resume(link)) == START | {"ride_home": "no", "takes_medicines": "yes"}


def test_each_page_sent_lets_the_session_go_on(clinic: Clinic) -> None:
    secret = clinic.begin()
    for _ in range(4):
        clinic.at += HOUR - MOMENT
        assert not clinic.save(secret, {"ride_home": "no"}).ended
    clinic.at += HOUR
    assert clinic.save(secret, {"ride_home": "yes"}).ended


def test_looking_does_not_let_the_session_go_on(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.at += HOUR - MOMENT
    clinic.read(secret)
    clinic.at += MOMENT
    with pytest.raises(SessionEnded):
        clinic.read(secret)


def test_the_same_form_handed_in_twice_opens_one_draft_twice(clinic: Clinic) -> None:
    secrets = form_sessions.new_secret(), form_sessions.new_secret()
    ids = {clinic.draft(START, "form-1", secret) for secret in secrets}
    assert (len(ids), clinic.rows(submissions), clinic.told("submission.drafted")) == (1, 1, 1)
    clinic.save(secrets[0], {"ride_home": "no"})
    assert clinic.answers(secrets[1]) == START | {"ride_home": "no"}
    assert clinic.draft(START, "form-2", form_sessions.new_secret()) not in ids


def test_the_same_form_handed_in_by_many_at_once_opens_one_draft(clinic: Clinic) -> None:
    ids: list[str] = []
    hands = [
        threading.Thread(target=lambda: ids.append(clinic.draft(START, "form-1", form_sessions.new_secret())))
        for _ in range(6)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert (len(ids), len(set(ids)), clinic.rows(submissions)) == (6, 1, 1)


def test_a_link_opens_the_form_again_and_again_on_any_device(clinic: Clinic) -> None:
    secret = clinic.begin()
    link, _ = clinic.link(secret)
    one, other = clinic.resume(link), clinic.resume(link)
    clinic.save(one, {"ride_home": "no"})
    assert clinic.answers(other) == clinic.answers(secret) == START | {"ride_home": "no"}
    assert (clinic.told("link.made"), clinic.told("link.used")) == (1, 2)


def test_a_link_lives_two_weeks_or_as_long_as_what_it_opens(clinic: Clinic) -> None:
    secret = clinic.begin()
    assert clinic.link(secret)[1] == clinic.read(secret).record.retained_until < clinic.at + RESUME_LINK_TTL
    link, until = clinic.link(secret)
    clinic.save(secret, REST)
    clinic.submit(secret)
    assert clinic.link(secret)[1] == clinic.at + RESUME_LINK_TTL < clinic.read(secret).record.retained_until
    clinic.at = until + HOUR
    assert clinic.read(clinic.resume(link)).record.status == "submitted", (
        "the link goes on as long as what it opens"
    )


def test_a_flag_is_raised_when_its_answer_is_saved_and_never_taken_away(clinic: Clinic) -> None:
    secret = clinic.begin()
    raised = clinic.save(secret, {"self_harm_thoughts": "now"}).drawn.record
    assert (raised.status, raised.priority) == ("draft", 1)
    assert {flag.flag_code for flag in raised.flags} == {"self_harm_now", "no_contact_route"}
    assert {flag.answer_changed_at for flag in raised.flags} == {None}
    clinic.at += MOMENT
    changed = clinic.save(secret, {"self_harm_thoughts": "no"}).drawn.record
    assert {(flag.id, flag.flag_code) for flag in changed.flags} == {
        (flag.id, flag.flag_code) for flag in raised.flags
    }
    assert {flag.answer_changed_at for flag in changed.flags} == {clinic.at}
    assert changed.priority == 1
    assert (clinic.told("flag.raised"), clinic.told("flag.answer_changed")) == (2, 2)


def test_a_flag_of_a_late_page_is_raised_all_the_same(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.at += 2 * HOUR
    saved = clinic.save(secret, {"self_harm_thoughts": "recent"})
    assert saved.ended
    assert "self_harm_recent" in {flag.flag_code for flag in saved.drawn.record.flags}


def test_no_health_answers_of_somebody_under_18_are_kept(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.save(secret, {"self_harm_thoughts": "now", "health_topics": ["liver"], "pain_intensity": 3})
    clinic.save(secret, {"age_band": "under_18"})
    assert clinic.answers(secret) == START | {"age_band": "under_18"}
    drawn = clinic.submit(secret)
    assert drawn.record.answers["answers"] == START | {"age_band": "under_18"}
    assert [each["rule"] for each in drawn.interruptions()] == ["U18", "S_NOW"]
    assert drawn.summary()["topics"] == []


def test_the_language_of_the_last_page_is_the_language_of_the_form(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.save(secret, {}, language="ht")
    assert clinic.read(secret).record.language == "ht"
    assert clinic.submit(clinic.begin(CARA)).summary()["language"] == "en"


def test_a_form_sent_twice_is_sent_once(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.save(secret, REST)
    first = clinic.submit(secret)
    clinic.at += MOMENT
    again = clinic.submit(secret)
    assert again.record == clinic.read(secret).record
    assert (again.record.version, again.record.submitted_at) == (
        first.record.version,
        first.record.submitted_at,
    )
    assert again.summary() == first.summary()
    assert clinic.told("submission.submitted") == 1


@pytest.mark.parametrize(("then", "today"), [(OFF, ON), (ON, OFF)], ids=["off then on", "on then off"])
@pytest.mark.parametrize("said", [None, "no", "past", "prefer_not_to_say"])
def test_what_was_said_stays_the_same_when_the_clinic_turns_a_switch(
    clinic: Clinic, then: frozenset[str], today: frozenset[str], said: str | None
) -> None:
    clinic.off = then
    secret = clinic.begin(CARA | ({"self_harm_thoughts": said} if said else {}))
    summary = clinic.submit(secret).summary()
    for switches in (then, today, then):
        clinic.off = switches
        drawn = clinic.read(secret)
        assert (verify(drawn)["identical"], verify(drawn)["differences"]) == (True, [])
        assert (drawn.summary(), drawn.edition.off) == (summary, then)


def test_a_draft_is_asked_what_is_asked_today(clinic: Clinic) -> None:
    secret = clinic.begin()
    for switches, asked in ((OFF, False), (ON, True), (OFF, False)):
        clinic.off = switches
        assert ("self_harm_thoughts" in clinic.read(secret).enabled) is asked
    clinic.save(secret, REST)
    assert clinic.submit(secret).record.answers["off"] == ["self_harm"]


# --- what is stored --------------------------------------------------------------------------------


def test_secrets_are_kept_as_hashes_alone(clinic: Clinic) -> None:
    secret = clinic.begin(instance="the-form")
    link, _ = clinic.link(secret)
    other = clinic.resume(link)

    def dump(session: Any) -> list[Any]:
        return [row for table in metadata.sorted_tables for row in session.execute(sa.select(table)).all()]

    kept = b"\0".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for row in clinic.service.read(dump)
        for value in row
    )
    for each in (secret, link, other):
        assert each.encode() not in kept
        assert hash_token(each) in kept
    assert b"the-form" not in kept


def test_purging_forgets_sessions_and_links_a_day_after_they_ended(clinic: Clinic) -> None:
    secret = clinic.begin()
    clinic.link(secret)
    left = []
    for at in (
        HOUR + LATE_PAGE_ACCEPTED_FOR,
        HOUR + LATE_PAGE_ACCEPTED_FOR + MOMENT,
        72 * HOUR - MOMENT,
        72 * HOUR,
    ):
        clinic.service.database.write_blocking(partial(retention.purge, now=clinic.at + at))
        left.append((clinic.rows(submissions), clinic.rows(form_tokens)))
    assert left == [(1, 2), (1, 1), (1, 1), (0, 0)]


def test_a_purge_forgets_the_sessions_of_what_it_erases(clinic: Clinic) -> None:
    clinic.begin(hours=1000)
    clinic.service.database.write_blocking(partial(retention.purge, now=clinic.at + 73 * HOUR))
    assert (clinic.rows(submissions), clinic.rows(form_tokens)) == (0, 0)
