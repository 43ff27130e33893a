"""Faults in app/web/form and its templates: the hosted form as a respondent sees it."""

from tests.mutants.fault import Fault

FAULTS = (
    Fault(
        "Another website sends a form in somebody's name",
        "app/web/html/form_security.py",
        '    if site not in (None, "same-origin", "none"):',
        '    if site not in (None, "same-origin", "none", "cross-site"):',
        (
            "tests/web/form/test_form.py::test_a_form_sent_by_another_website_is_refused",
            "tests/web/form/test_form.py::test_another_website_ends_no_session",
        ),
    ),
    Fault(
        "A form without the token of its session is accepted",
        "app/web/html/form_security.py",
        "    if not is_valid_csrf(get_services(request), given, held):",
        "    if not held:",
        ("tests/web/form/test_form.py::test_a_form_without_the_token_of_its_session_is_refused",),
    ),
    Fault(
        "Scripts can read the cookie of the form",
        "app/web/html/form_security.py",
        '"Path=/", "HttpOnly"]\n    parts += ["SameSite=None"',
        '"Path=/"]\n    parts += ["SameSite=None"',
        ("tests/web/form/test_form.py::test_the_cookie_of_a_session_is_as_closed_as_it_can_be",),
    ),
    Fault(
        "Forms begun from one network are not counted",
        "app/web/form/entry.py",
        "        await _let_in(request, services)\n",
        "        pass\n",
        ("tests/web/form/test_form.py::test_too_many_forms_from_one_network_are_asked_to_wait",),
        only="web",
    ),
    Fault(
        "A page shows a saved phone number in full",
        "app/web/form/fields.py",
        'return str(_("a number that ends in %s")) % digits[-2:]',
        'return str(_("a number that ends in %s")) % digits',
        ("tests/web/form/test_form.py::test_a_contact_detail_is_kept_shown_masked_replaced_and_taken_out",),
    ),
    Fault(
        "The address of a page tells which question it asks",
        "app/web/form/navigation.py",
        'return hmac.digest(self.assessment.record.token_hash, name.encode(), "sha256").hex()[:12]',
        'return name.replace(" ", "-").replace("_", "-")',
        ("tests/web/form/test_form.py::test_an_address_tells_neither_the_question_nor_the_answer",),
    ),
    Fault(
        "A browser stores pages with answers",
        "app/web/form/layout.py",
        "return HTMLResponse(content, status, headers=headers(services) | NO_STORE)",
        "return HTMLResponse(content, status, headers=headers(services))",
        ("tests/web/form/test_session.py",),
    ),
    Fault(
        "Pages of the form may load scripts from anywhere",
        "app/web/form/layout.py",
        'return {"content-security-policy": policy}',
        'return {"content-security-policy": policy.replace("script-src \'self\'", "script-src *")}',
        (
            "tests/e2e/browser/test_private_pages.py::test_nobody_overhears_anything_on_a_walk_over_every_page",
            "tests/e2e/browser/test_embed.py::test_what_is_no_page_of_the_form_can_be_shown_by_nobody",
        ),
        only="browser",
    ),
    Fault(
        "A word of the form stands in English in the Spanish form",
        "app/web/locales/es.po",
        'msgid "Continue"\nmsgstr "Continuar"',
        'msgid "Continue"\nmsgstr ""',
        ("tests/web/test_translations.py",),
    ),
    Fault(
        "Markup in the clinic's contact line is run by the browser",
        "app/web/templates/base.html",
        "<p>{{ theme.contact }}</p>",
        "<p>{{ theme.contact | safe }}</p>",
        (
            "tests/web/form/test_session.py::test_the_clinics_name_logo_colours_contact_and_privacy_text_are_shown_as_words",
        ),
    ),
    Fault(
        "The footer with the emergency numbers is missing from every page of the form",
        "app/web/templates/base.html",
        '<p class="safety">{{ footer }}</p>\n',
        "",
        ("tests/web/form/test_session.py", "tests/web/form/test_form.py"),
    ),
)
