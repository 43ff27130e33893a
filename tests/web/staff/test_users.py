"""Staff users, as an administrator views and changes them."""

import re
from functools import partial

import pytest

from app.services.auth import users
from tests.conftest import Service
from tests.web.staff_client import Colleague

# --- rejected ----------------------------------------------------------------------------------------


def test_a_page_of_another_role_is_refused(service: Service) -> None:
    for role in ("reviewer", "manager", "auditor"):
        colleague = Colleague(service).inside(role)
        assert colleague.get("/staff/people").status_code == 403
        assert colleague.act("/staff/people", email="x@clinic.example", role="reviewer").status_code == 403
    assert service.audit_count("staff.added") == 3


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "form",
    [{}, {"role": ""}, {"role": "boss"}, {"email": "nowhere"}, {"email": "x\0@clinic.example"},
     {"name": "a\0b"}, {"email": "x" * 300 + "@c.example"}, {"name": "x" * 101},
     {"email": "x@clinic.example\r\nbcc:y"}],
)  # fmt: skip
def test_nobody_is_added_by_halves(service: Service, form: dict[str, str]) -> None:
    boss = Colleague(service).inside("administrator")
    given = {"email": "x@clinic.example", "role": "reviewer"} | form if form else {}
    assert boss.act("/staff/people", **given).status_code == 422
    assert service.audit_count("staff.added") == 1


@pytest.mark.both_databases
def test_the_last_administrator_stays_one(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    assert boss.act(f"/staff/people/{boss.id}/disable").status_code == 409
    assert boss.act(f"/staff/people/{boss.id}/roles", role="auditor").status_code == 409
    for nobody in ("nobody", "a%00b", "x" * 3000):
        assert boss.act(f"/staff/people/{nobody}/disable").status_code == 404
        assert boss.get(f"/staff/people/{nobody}").status_code == 404
    Colleague(service).inside("administrator", email="two@clinic.example")
    assert boss.act(f"/staff/people/{boss.id}/disable").status_code == 303
    assert boss.get("/staff/people").status_code == 303


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_whose_work_is_not_the_queue_arrives_elsewhere(service: Service, role: str) -> None:
    colleague = Colleague(service).inside(role)
    colleague.get("/staff")
    assert (colleague.page.status_code, colleague.location) == (303, "/staff/dashboard")
    assert colleague.follow().status_code == 200


# --- accepted ----------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_an_administrator_adds_changes_disables_and_lets_in_anew(service: Service) -> None:
    boss = Colleague(service).inside("administrator")
    boss.act("/staff/people", email="New@Clinic.example", name="Noa", role=["reviewer", "auditor"])
    link = re.search(r'id="link">[^<]*#([\w-]{43})<', boss.page.text)
    assert link
    assert "New@" not in boss.get("/staff/people").text
    person = service.read(partial(users.find_by_email, email="new@clinic.example"))
    assert person.roles == ("reviewer", "auditor")
    again = boss.act("/staff/people", email="new@clinic.example", role="reviewer")
    assert again.status_code == 409
    noa = Colleague(service)
    noa.accept(link[1])
    assert noa.location == "/staff"
    boss.act(f"/staff/people/{person.id}/roles", role="reviewer")
    boss.act(f"/staff/people/{person.id}/disable")
    assert noa.sign_in("new@clinic.example").status_code == 422
    boss.act(f"/staff/people/{person.id}/enable")
    assert noa.sign_in("new@clinic.example").status_code == 303
    boss.act(f"/staff/people/{person.id}/reset")
    assert noa.get("/staff/account").status_code == 303
    for action in ("added", "roles_changed", "disabled", "enabled", "reset"):
        assert service.audit_count(f"staff.{action}") >= 1, action
