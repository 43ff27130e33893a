"""API keys, as an administrator creates and revokes them."""

import datetime as dt
import re
from functools import partial

import pytest

from app.services.auth.authorization import SCOPES
from app.storage.auth import api_keys
from app.storage.auth.api_keys import ApiKey
from app.storage.events import audit_log
from tests.conftest import Service
from tests.web.conftest import noted
from tests.web.staff_client import Colleague

PLAIN: dict[str, str | list[str]] = {"name": "Website", "scope": ["submissions:write"]}


@pytest.fixture
def boss(service: Service) -> Colleague:
    return Colleague(service).inside("administrator")


def every(service: Service) -> list[ApiKey]:
    return service.read(api_keys.list_all)


# --- rejected --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reviewer", "manager", "auditor"])
def test_keys_of_another_role_are_refused(service: Service, role: str) -> None:
    service.key("review")
    (key,) = every(service)
    other = Colleague(service).inside(role)
    for path in ("/staff/keys", f"/staff/keys/{key.id}"):
        assert other.get(path).status_code == 403
    assert other.act("/staff/keys", **PLAIN).status_code == 403
    assert other.act(f"/staff/keys/{key.id}/revoke").status_code == 403
    assert every(service) == [key]


def test_a_stranger_is_asked_to_sign_in(service: Service) -> None:
    nobody = Colleague(service)
    nobody.get("/staff/keys")
    assert nobody.location.startswith("/staff/sign-in")
    assert nobody.act("/staff/keys", **PLAIN).status_code == 401
    assert every(service) == []


def test_without_the_sessions_token_nothing_is_made(service: Service, boss: Colleague) -> None:
    for token in ("", "x"):
        assert boss.post("/staff/keys", {"token": token, **PLAIN}).status_code == 403
    assert every(service) == []


def test_a_password_given_a_while_ago_is_asked_for_again(service: Service, boss: Colleague) -> None:
    boss.wait(dt.timedelta(minutes=6), seen=True)
    boss.get("/staff/keys")
    assert boss.location.startswith("/staff/confirm")
    boss.act("/staff/keys", **PLAIN)
    assert boss.location.startswith("/staff/confirm")
    assert every(service) == []


# --- invalid input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "  "}, {"name": "x" * 101}, {"name": "a\0b"}, {"name": "a\nb"},
        {"scope": []}, {"scope": ["everything"]}, {"scope": ["review", "x\0"]},
        {"origins": "clinic.example"}, {"origins": "https://clinic.example/path"}, {"origins": "*"},
        {"origins": "https://clinic.example", "scope": ["review"]}, {"origins": "x" * 2001},
        {"cidrs": "10.0.0.1/8"}, {"cidrs": "everywhere"}, {"cidrs": "10.0.0.0/8, \0"}, {"cidrs": "1" * 2001},
        {"days": "0"}, {"days": "3651"}, {"days": "-1"}, {"days": "1.5"}, {"days": "١"}, {"days": "9" * 50},
    ],
)  # fmt: skip
def test_what_can_not_be_is_told_and_not_made(
    service: Service, boss: Colleague, wrong: dict[str, str | list[str]]
) -> None:
    assert boss.act("/staff/keys", **(PLAIN | wrong)).status_code == 422
    assert "Please look at this again" in boss.page.text
    assert every(service) == []
    assert service.audit_count("api_key.created") == 0


def test_what_was_typed_is_still_there(boss: Colleague) -> None:
    page = boss.act("/staff/keys", name="<b>Web", scope=["review", "submissions:read"], days="0", test="1")
    assert "&lt;b&gt;Web" in page.text
    form = boss.form("/staff/keys")
    assert form.checked("scope") == ["submissions:read", "review"]
    assert form.checked("test") == ["1"]


@pytest.mark.parametrize("key_id", ["nobody", "a%00bcdefg", "x" * 3000, "abcdefgh"])
def test_a_key_that_is_not_there_is_told_as_a_page(boss: Colleague, key_id: str) -> None:
    assert boss.get(f"/staff/keys/{key_id}").status_code == 404
    assert boss.act(f"/staff/keys/{key_id}/revoke").status_code == 404


# --- accepted --------------------------------------------------------------------------------------


def test_a_list_without_keys_says_what_one_is_for(boss: Colleague) -> None:
    assert "There is no key yet" in boss.get("/staff/keys").text
    for scope in SCOPES:
        assert scope in boss.page.text


def test_a_key_is_made_shown_once_and_works(service: Service, boss: Colleague) -> None:
    boss.get("/staff/keys")
    boss.act("/staff/keys", name=" Office ", scope=["review", "submissions:read"], days="30", test="1",
             cidrs="10.0.0.0/8, 2001:db8::/32", origins="")  # fmt: skip
    assert boss.page.status_code == 200
    found = re.search(r'id="made">(pc_test_[0-9A-Za-z]{8}_[0-9A-Za-z]{38})<', boss.page.text)
    assert found
    (key,) = every(service)
    assert (key.name, key.is_test, key.cidrs) == ("Office", True, ("10.0.0.0/8", "2001:db8::/32"))
    assert key.scopes == {"review", "submissions:read"}
    assert key.expires_at == key.created_at + dt.timedelta(days=30)
    page = boss.get("/staff/keys").text
    assert found[1] not in page
    for words in ("Office", key.id, "10.0.0.0/8", "tests only", ">live<"):
        assert words in page, words
    (event,) = service.read(partial(audit_log.events_of, object_id=key.id))
    assert (event.action, event.actor_kind, event.actor_id) == ("api_key.created", "staff", boss.id)


def test_a_key_without_an_end_and_one_for_browsers_are_made(service: Service, boss: Colleague) -> None:
    boss.act("/staff/keys", **PLAIN, days="", origins="https://www.clinic.example https://clinic.example")
    (key,) = every(service)
    assert (key.expires_at, key.is_test) == (None, False)
    assert key.origins == {"https://www.clinic.example", "https://clinic.example"}


def test_the_day_a_key_was_last_used_is_shown(service: Service, boss: Colleague) -> None:
    headers = service.key("review")
    assert 'data-label="Last used">never<' in boss.get("/staff/keys").text
    assert service.client.get("/v1/submissions", headers=headers).status_code == 200
    noted(service)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    assert f'data-label="Last used">{today}<' in boss.get("/staff/keys").text


@pytest.mark.both_databases
def test_two_keys_of_one_program_are_live_at_once_so_that_it_can_change_over(
    service: Service, boss: Colleague
) -> None:
    old, new = service.key("review"), service.key("review")
    for headers in (old, new):
        assert service.client.get("/v1/submissions", headers=headers).status_code == 200
    boss.act(f"/staff/keys/{old['authorization'].split('_')[2]}/revoke")
    service.services.authenticator._seen.clear()  # as if the cache of a second had expired
    statuses = [service.client.get("/v1/submissions", headers=each).status_code for each in (old, new)]
    assert statuses == [401, 200]


@pytest.mark.both_databases
def test_a_key_is_revoked_after_a_question_and_once(service: Service, boss: Colleague) -> None:
    headers = service.key("review")
    (key,) = every(service)
    assert service.client.get("/v1/submissions", headers=headers).status_code == 200
    boss.get("/staff/keys")
    assert f'href="/staff/keys/{key.id}"' in boss.page.text
    boss.get(f"/staff/keys/{key.id}")
    for _ in range(2):
        boss.act(f"/staff/keys/{key.id}/revoke")
        assert (boss.page.status_code, boss.location) == (303, "/staff/keys")
    assert service.audit_count("api_key.revoked") == 1
    page = boss.follow().text
    assert ">revoked<" in page
    assert f'href="/staff/keys/{key.id}"' not in page
    assert "was revoked" in boss.get(f"/staff/keys/{key.id}").text
    (key,) = every(service)
    assert key.revoked_at
