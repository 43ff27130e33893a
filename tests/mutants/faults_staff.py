"""Faults in app/web/staff and the login of staff."""

from tests.mutants.fault import Fault

FAULTS = (
    Fault(
        "A second factor's code opens the workbench twice",
        "app/services/auth/two_factor.py",
        "return step is not None and users.consume_totp_step(session, person.id, step)",
        "return step is not None",
        ("tests/services/auth/test_users.py",),
    ),
    Fault(
        "Passwords can be guessed without end",
        "app/services/auth/login.py",
        "    for bucket, rate in buckets:\n        login_throttles.hit(session, bucket, rate, now)\n",
        "",
        ("tests/services/auth/test_users.py",),
    ),
    Fault(
        "A changed password leaves the sessions of whoever knew the old one open",
        "app/services/auth/users.py",
        "    sessions.end_all(session, staff_id, but=but)\n",
        "",
        ("tests/web/staff/test_sessions.py::test_a_changed_password_ends_all_other_sessions",),
    ),
    Fault(
        "A form of the workbench made for another session is accepted",
        "app/web/staff/access_control.py",
        "if not get_services(request).submissions.vault.keyring"
        '.signed("staff token", secret.encode(), token):',
        "if not secret:",
        ("tests/web/staff/test_sessions.py::test_a_form_without_the_token_of_its_session_changes_nothing",),
        only="web",
    ),
    Fault(
        "A case is erased without the password being asked for again",
        "app/web/staff/access_control.py",
        'if declared["fresh"] and not held.fresh(now()):',
        'if declared["fresh"] and not held.session.reauthenticated_at:',
        (
            "tests/web/staff/test_sessions.py::test_a_grave_act_asks_for_the_password_again_and_is_not_done_before",
        ),
        only="web",
    ),
    Fault(
        "Signing in leads on to any website",
        "app/web/staff/access_control.py",
        "return path if len(path) <= MAX_PATH_LENGTH and SAFE.fullmatch(path) else otherwise",
        "return path if len(path) <= MAX_PATH_LENGTH and path else otherwise",
        ("tests/web/staff/test_login.py::test_signing_in_leads_nowhere_but_to_the_workbench",),
        only="web",
    ),
    Fault(
        "A role without the permission opens a page of the workbench",
        "app/web/staff/access_control.py",
        '        require_permission(held.staff, declared["needs"])\n',
        "        pass\n",
        ("tests/web/staff/test_permissions.py",),
    ),
    Fault(
        "A page that refreshes itself keeps the session of an absent person open",
        "app/web/staff/access_control.py",
        'if held and held.to_be_seen(at) and "x-refresh" not in request.headers:',
        "if held and held.to_be_seen(at):",
        (
            "tests/web/staff/test_sessions.py::test_a_page_that_refreshes_itself_does_not_keep_a_session_alive",
        ),
        only="web",
    ),
    Fault(
        "Other websites are sent the cookie of staff",
        "app/web/staff/cookies.py",
        '"HttpOnly", "SameSite=Strict"]',
        '"HttpOnly", "SameSite=None"]',
        ("tests/web/staff/test_sessions.py::test_the_cookie_is_for_this_site_alone_and_not_for_scripts",),
        only="web",
    ),
    Fault(
        "A proxy may store pages of the workbench",
        "app/web/staff/layout.py",
        "return HTMLResponse(content, status, headers=NO_STORE)",
        "return HTMLResponse(content, status)",
        ("tests/web/staff/test_users.py",),
    ),
    Fault(
        "A table with answers may be stored by a proxy",
        "app/web/staff/exports.py",
        'headers=NO_STORE | {"content-disposition": named},',
        'headers={"content-disposition": named},',
        (
            "tests/web/staff/test_permissions.py",
            "tests/e2e/browser/test_roles.py::test_a_manager_exports_holds_and_erases",
        ),
    ),
    Fault(
        "Markup in a note is run by the browser of the next member of staff",
        "app/web/templates/staff/case_rail.html",
        '<div class="written"><p>{{ each.body }}</p>',
        '<div class="written"><p>{{ each.body | safe }}</p>',
        ("tests/e2e/browser/test_workbench.py::test_markup_that_anybody_types_is_text_to_everybody",),
        only="browser",
    ),
    Fault(
        "Contact details stand on the page of a case without being asked for",
        "app/web/staff/case.py",
        'shown = {"contact": None, "note": "", "errors": []} | words',
        'shown = {"contact": dict(found.assessment.record.contact), "note": "", "errors": []} | words',
        (
            "tests/web/staff/test_cases.py::test_contact_details_stand_only_on_the_answer_to_being_asked_for_them",
        ),
        only="web",
    ),
)
