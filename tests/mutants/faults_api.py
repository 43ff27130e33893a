"""Faults in app/web/api and in responses: what clients are shown, and how they change it."""

from tests.mutants.fault import Fault

FAULTS = (
    Fault(
        "A booking system reads the feed of events without the scope for it",
        "app/web/api/events.py",
        'Depends(RequireScope("events"))',
        'Depends(RequireScope("events", "bookings"))',
        ("tests/web/staff/test_permissions.py",),
        only="web",
    ),
    Fault(
        "A key that only writes is shown what the respondent answered",
        "app/web/schemas/serializers.py",
        "    if reads or isinstance(principal, Respondent):",
        "    if reads or principal:",
        (
            "tests/web/api/test_drafts.py::test_a_key_that_only_writes_is_not_shown_what_the_respondent_answered",
        ),
        only="web",
    ),
    Fault(
        "A proxy may store a submission",
        "app/web/api/creation.py",
        'headers = etag(1) | {"location": f"{path}/{created.id}", "cache-control": "no-store"}',
        'headers = etag(1) | {"location": f"{path}/{created.id}"}',
        ("tests/web/api/test_create.py::test_a_submission_says_until_when_it_is_kept_and_is_never_cached",),
        only="web",
    ),
    Fault(
        "A change without If-Match is carried out",
        "app/web/http/content_negotiation.py",
        'raise PreconditionRequired("Send If-Match with the ETag you last saw.")',
        "return None",
        ("tests/web/api/test_drafts.py::test_a_change_without_if_match_is_428",),
        only="web",
    ),
    Fault(
        "A passage that may never be cited is public",
        "app/web/api/articles.py",
        'found.may_be_cited("full") and found.only_if is None',
        "found.only_if is None",
        ("tests/web/api/test_public.py::test_a_passage_that_may_not_be_cited_is_404_for_the_public",),
    ),
    Fault(
        "An erasure is acknowledged before it stands in the ledger that a restore reads",
        "app/web/dependencies.py",
        "        await services.database.run_in_thread(partial(services.ledger.sync, services.database))\n",
        "        services.database.run_in_thread(partial(services.ledger.sync, services.database)).close()\n",
        (
            "tests/cli/test_restore.py::test_an_erasure_that_can_not_be_noted_is_not_acknowledged",
            "tests/cli/test_restore.py::test_the_ledger_holds_ids_and_times_and_nothing_else",
        ),
    ),
    Fault(
        "The plain text of a summary has no cautions",
        "app/web/templates/summary.txt",
        "    {{ fixed.caution }}: {{ caution.text }}\n",
        "",
        ("tests/web/api/test_reading.py::test_page_and_text_quote_with_cautions_and_end_with_the_footer",),
    ),
    Fault(
        "The PDF of a summary has no cautions",
        "app/web/templates/summary.typ",
        "    for caution in it.cautions { par[*#fixed.caution:* #caution.text] }\n",
        "",
        ("tests/web/html/test_pdf.py",),
        only="web",
    ),
)
