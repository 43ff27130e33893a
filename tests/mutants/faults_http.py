"""Faults that affect every request: limits, headers, logs, networks, other websites."""

from tests.mutants.fault import Fault

WEB = "app/web/"

FAULTS = (
    Fault(
        "Requests without a key are not counted: one network can keep everybody else waiting",
        WEB + "middleware/network_rate_limit.py",
        "            await self.rates.hit_network(scope)  # unless",
        "            self.rates  # unless",
        ("tests/web/http/test_rate_limits.py::test_a_network_past_its_limit_is_told_how_long_to_wait",),
        only="web",
    ),
    Fault(
        "A network is stored in clear text while its requests are counted",
        WEB + "http/rate_limits.py",
        "return hashlib.blake2b(found.encode(), key=self._secret, digest_size=16).hexdigest()",
        "return found",
        (
            "tests/web/http/test_rate_limits.py::test_a_network_is_not_kept_in_clear_and_has_another_name_each_minute",
        ),
        only="web",
    ),
    Fault(
        "More forms are begun in an hour than the clinic allows in all",
        WEB + "http/form_start_limits.py",
        '(self._alias(network), "everybody")',
        "(self._alias(network), network)",
        ("tests/web/http/test_form_start_limits.py",),
    ),
    Fault(
        "Anybody can pretend to come from another network",
        WEB + "http/client_address.py",
        "hop = _address(hops.pop())",
        "hop = _address(hops.pop(0))",
        ("tests/web/http/test_client_address.py",),
    ),
    Fault(
        "Every website may call the API from a browser",
        WEB + "middleware/cors.py",
        "allow_origins=frozenset(origins),",
        'allow_origins=["*"],',
        ("tests/web/middleware/test_cors.py",),
    ),
    Fault(
        "The content security policy is missing from answers",
        "app/web/middleware/request_guard.py",
        "headers += [pair for pair in self.guard.headers if pair[0] not in given]",
        'headers += [pair for pair in self.guard.headers if pair[0] != b"content-security-policy"]',
        ("tests/web/api/test_public.py::test_every_answer_carries_the_security_headers",),
    ),
    Fault(
        "Metrics hold the addresses that were asked for",
        WEB + "middleware/request_guard.py",
        'route = getattr(self.scope.get("route"), "path", "none")',
        'route = self.scope["path"]',
        ("tests/web/api/test_public.py::test_metrics_label_routes_never_paths",),
    ),
    Fault(
        "The message of an exception is logged, with the answers in it",
        "app/logging.py",
        '{ours[-1].name}" if ours else',
        '{ours[-1].name} {error}" if ours else',
        ("tests/test_logging.py",),
    ),
    Fault(
        "A malformed body is repeated in the error",
        WEB + "http/request_body.py",
        'raise MalformedJson(f"The JSON breaks off at line {error.lineno}, column {error.colno}.") from None',
        'raise MalformedJson(f"The JSON breaks off: {error.doc}") from None',
        (
            "tests/e2e/processes/test_privacy.py::test_nothing_told_in_confidence_can_be_read_anywhere_or_comes_back_in_an_error",
            "tests/web/api/test_create.py::test_what_is_not_strict_json_is_400",
        ),
    ),
    Fault(
        "A client that waits for events is kept waiting although the process stops",
        WEB + "http/long_polling.py",
        "if request.scope.get(STOPPING) or await request.is_disconnected():",
        "if await request.is_disconnected():",
        ("tests/web/api/test_events.py::test_who_waits_when_the_process_stops_is_answered",),
        only="web",
    ),
)
