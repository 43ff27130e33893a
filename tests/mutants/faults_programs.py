"""Faults in what is sent to others (events, webhooks, e-mail), in settings and in periodic jobs."""

from tests.mutants.fault import Fault

SENDER = ("tests/adapters/test_webhook_client.py",)

FAULTS = (
    Fault(
        "A webhook endpoint that may not see attention is sent it",
        "app/services/events/webhook_deliveries.py",
        "        and (to.requires_review_scope or not event.requires_review_scope)\n",
        "",
        ("tests/services/events/test_webhook_deliveries.py",),
    ),
    Fault(
        "A webhook is signed over another id than the one it carries",
        "app/services/events/webhook_deliveries.py",
        "event.id, at, body, *acts.active_secrets(",
        "delivery.id, at, body, *acts.active_secrets(",
        ("tests/services/events/test_webhook_deliveries.py",),
    ),
    Fault(
        "A delivery is claimed for no time at all: every process sends it",
        "app/services/events/webhook_deliveries.py",
        "deliveries.claim(session, name, most, now=now, until=now + LEASE)",
        "deliveries.claim(session, name, most, now=now, until=now)",
        ("tests/services/events/test_webhook_deliveries.py",),
    ),
    Fault(
        "The former secret of a webhook endpoint signs for ever",
        "app/services/events/webhook_endpoints.py",
        "        and now < endpoint.previous_secret_expires_at\n",
        "",
        (
            "tests/services/events/test_webhook_endpoints.py",
            "tests/services/events/test_webhook_deliveries.py",
        ),
    ),
    Fault(
        "Free text from the database goes out in an event",
        "app/services/events/event_types.py",
        "    if not thin:",
        "    if not names:",
        ("tests/services/events/test_outbox.py",),
    ),
    Fault(
        "Programs are not told that an answer was corrected",
        "app/services/events/event_types.py",
        '    "submission.corrected": ("submission.corrected", None),\n',
        "",
        ("tests/services/events/test_outbox.py",),
    ),
    Fault(
        "A reader of the feed skips the first event of every page",
        "app/services/events/outbox.py",
        "reached = found[limit - 1].position if more else end",
        "reached = found[limit].position if more else end",
        ("tests/services/events/test_outbox.py",),
    ),
    Fault(
        "A webhook goes to an address inside the clinic's network",
        "app/adapters/address_policy.py",
        "return any(address in network for network in self.networks) or is_public(address)",
        "return True",
        SENDER,
    ),
    Fault(
        "A webhook is sent to the first address of a name although it was not permitted",
        "app/adapters/webhook_transport.py",
        "permitted = [each for each in found if self._reach.allows(each, bracketed(host))]",
        "permitted = list(found)",
        SENDER,
    ),
    Fault(
        "The alert to the second person goes to the first one again",
        "app/adapters/smtp.py",
        "to = self.escalation_recipients if email.escalation else self.recipients",
        "to = self.recipients",
        ("tests/adapters/test_smtp.py",),
    ),
    Fault(
        "Production starts with a public address that is not https",
        "app/settings.py",
        'if not self.development and url.scheme != "https" and url.hostname not in LOOPBACK:',
        'if not self.development and url.scheme not in ("http", "https"):',
        (
            "tests/e2e/processes/test_start.py::test_a_setting_that_is_unsafe_or_nonsense_is_refused_in_one_line",
        ),
        only="processes",
    ),
    Fault(
        "The value of a wrong setting is printed",
        "app/environment.py",
        'raise StartupError(f"{name} can\'t be used: {reason}.") from None',
        "raise StartupError(f\"{name} can't be used: {reason} {error.errors()[0]['input']}.\") from None",
        ("tests/test_settings.py",),
    ),
    Fault(
        "Too many requests are answered as forbidden",
        "app/errors.py",
        '"too-many-requests", "Too many requests came from there", 429',
        '"too-many-requests", "Too many requests came from there", 403',
        ("tests/test_docs.py", "tests/web/http/test_rate_limits.py"),
    ),
    Fault(
        "One round that fails keeps all later work of the process from being done",
        "app/jobs/periodic.py",
        "            return False\n        return True\n",
        "            raise\n        return True\n",
        ("tests/jobs/test_periodic.py",),
    ),
    Fault(
        "One receiver that hangs takes every place of the process",
        "app/jobs/webhook_delivery.py",
        "most = min(\n"
        "                free_places, (MAX_PER_FAILING_ENDPOINT if fails else MAX_PER_ENDPOINT)"
        " - busy[endpoint]\n"
        "            )",
        "most = free_places",
        ("tests/services/events/test_webhook_deliveries.py",),
    ),
    Fault(
        "What was written last stays out of the audit trail when the service stops",
        "app/main.py",
        "    await audit_chain_job.run_once(publish=True)\n",
        "",
        ("tests/jobs/test_periodic.py",),
    ),
)
