"""Staff users and cases for the tests of review and the staff app. Never: uses data of real people."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from uuid_utils import uuid7

from app.clock import now
from app.services.auth.authorization import ApiClient, Principal, StaffPrincipal
from app.services.auth.permissions import Role, permitted
from app.services.review import cases, corrections
from app.services.review.cases import Action, Case, Review, StaffCommand
from app.services.submissions import lifecycle
from app.services.submissions.assessment import Assessment, SubmissionInput, assess_new, new_token
from app.storage.auth import users
from app.storage.auth.api_keys import ApiKey
from app.storage.auth.users import Person
from app.storage.events.audit_log import Actor
from tests.conftest import Service
from tests.sample_answers import PAT_CONTACT, Answers

RESPONDENT = Actor("respondent", None, "test")


def somebody(
    service: Service, *roles: Role, name: str = "Robin Reviewer", disabled: bool = False
) -> StaffPrincipal:
    """Insert a staff user with these roles and return them as a principal."""
    person = Person(
        id=str(uuid7()),
        email=f"{uuid7()}@clinic.example",
        name=name,
        roles=roles,
        password_hash=None,
        totp_secret_encrypted=None,
        totp_last_used_step=None,
        created_at=now(),
        disabled_at=now() if disabled else None,
    )
    service.database.write_blocking(partial(users.insert, new=person))
    return StaffPrincipal(person.id, permitted(roles))


def program(*scopes: str, test: bool = False) -> ApiClient:
    """An API client whose key has these scopes. The key is not stored."""
    key = ApiKey(
        id="testkey1",
        name="test",
        secret_hash=b"",
        scopes=frozenset(scopes),
        is_test=test,
        origins=frozenset(),
        cidrs=(),
        created_at=now(),
        expires_at=None,
    )
    return ApiClient(key)


@dataclass
class Team:
    """A principal who works on cases, one method per action. `version`: the expected version; None is any."""

    service: Service
    who: Principal
    at: Any = field(default_factory=now)
    version: int | None = None

    def beside(self, who: Principal) -> "Team":
        return replace(self, who=who)

    def do(self, work: Callable[..., Any], *given: Any, **more: Any) -> Any:
        submission_service = self.service.services.submissions
        return self.service.database.write_blocking(
            lambda session: work(session, submission_service, *given, **more)
        )

    def turn(self, case: str) -> StaffCommand:
        return StaffCommand(case, self.who, self.who.actor("test"), self.at, self.version)

    def submit(
        self, answers: Answers, *, contact: bool | dict[str, str] = False, at: Any = None, **more: Any
    ) -> str:
        """Create a submission and return its id. `contact`: the given details, or all of Pat's if True."""
        submission_service = self.service.services.submissions
        edition = submission_service.library.current("ketamine-preconsult")
        assert edition
        given = SubmissionInput(answers, PAT_CONTACT if contact is True else contact or {}, **more)
        assessment = assess_new(
            edition, given, new_token(), now=at or self.at, terms=submission_service.terms
        )
        work = partial(
            lifecycle.create, vault=submission_service.vault, assessment=assessment, actor=RESPONDENT
        )
        self.service.database.write_blocking(work)
        return assessment.record.id

    def look(self, case: str) -> Case:
        found: Case = self.do(cases.view_case, self.turn(case))
        return found

    def assessment(self, case: str) -> Assessment:
        """The case as stored; reading it records no view."""
        submission_service = self.service.services.submissions

        def read(session: Any) -> Assessment:
            return cases.load_case(
                session, submission_service, replace(self.turn(case), version=None), "case", lock=False
            )

        return self.service.read(read)

    def decide(self, case: str, *steps: Review) -> Assessment:
        for step in steps:
            found: Assessment = self.do(cases.change_status, self.turn(case), step)
        return found

    def assign(self, case: str, assignee: str | None) -> Assessment:
        found: Assessment = self.do(cases.assign, self.turn(case), assignee)
        return found

    def note(self, case: str, text: str) -> Assessment:
        found: tuple[Assessment, Any] = self.do(cases.add_note, self.turn(case), text)
        return found[0]

    def act(self, case: str, flag: str, action: Action) -> Assessment:
        found: tuple[Assessment, Any] = self.do(cases.act_on_flag, self.turn(case), flag, action)
        return found[0]

    def close_flags(self, case: str) -> None:
        for flag in self.assessment(case).record.flags:
            self.act(case, flag.id, "closed")

    def correct(self, case: str, **answers: Any) -> Assessment:
        found: Assessment = self.do(corrections.apply_correction, self.turn(case), answers)
        return found

    def merge(self, case: str, into: str) -> Assessment:
        found: Assessment = self.do(corrections.merge, self.turn(case), into)
        return found
