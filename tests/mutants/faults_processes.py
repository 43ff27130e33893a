"""Faults that tests of whole processes show: crashes, stops, full disks, several replicas, raw sockets."""

from tests.mutants.fault import Fault

FULL_DISK = "test_a_full_disk_is_told_as_503_while_reads_go_on_and_it_recovers_by_itself"
LOCKED = "test_a_locked_database_is_waited_for_and_told_as_503_when_it_stays_locked"
DURABILITY = "tests/e2e/processes/test_durability.py::"
HOSTILE = "tests/e2e/processes/test_hostile.py::"
STOPS = "tests/e2e/processes/test_graceful_stop.py::"

FAULTS = (
    Fault(
        "A submission is acknowledged before it is committed: a crash loses it",
        "app/storage/db/sqlite_writer.py",
        "        queued.result = queued.work(session)\n",
        "        queued.result = queued.work(session)\n"
        "        queued.loop.call_soon_threadsafe(queued.notify)\n",
        ("tests/e2e/processes/test_crash.py",),
        only="processes",
        slow=True,
    ),
    Fault(
        "A batch that could not be committed is acknowledged",
        "app/storage/db/sqlite_writer.py",
        "                for queued in batch:\n                    queued.error = _cause(error)\n",
        "                _cause(error)\n",
        (DURABILITY + FULL_DISK, DURABILITY + LOCKED),
        only="processes",
    ),
    Fault(
        "A full disk is an accident to the caller instead of a request to come back",
        "app/storage/db/sqlite_writer.py",
        "    if not isinstance(cause, sqlite3.OperationalError) or",
        "    if not isinstance(cause, sqlite3.IntegrityError) or",
        (DURABILITY + FULL_DISK,),
        only="processes",
    ),
    Fault(
        "A database that somebody else holds for a moment is not waited for",
        "app/storage/db/database.py",
        'connect_args={"timeout": BUSY_SECONDS}',
        'connect_args={"timeout": 0}',
        (DURABILITY + LOCKED,),
        only="processes",
    ),
    Fault(
        "A restart of PostgreSQL is an accident to everybody who writes meanwhile",
        "app/storage/db/database.py",
        "sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError",
        "sa.exc.TimeoutError",
        (DURABILITY + "test_a_blow_to_postgresql_is_a_blip",),
        only="processes",
        slow=True,
    ),
    Fault(
        "A log that cannot be written makes every request fail",
        "app/logging.py",
        "with contextlib.suppress(OSError, ValueError):",
        "with contextlib.suppress(ValueError):",
        (DURABILITY + FULL_DISK,),
        only="processes",
    ),
    Fault(
        "A stop cuts off the requests that are being answered",
        "app/web/middleware/uvicorn_protocol.py",
        "[STOPPING] = True\n        super().shutdown()",
        "[STOPPING] = True\n        self.transport.abort()",
        (
            STOPS + "test_a_request_half_sent_when_the_stop_comes_is_still_answered",
            STOPS + "test_a_stop_under_load_loses_nothing_and_ends_well",
        ),
        only="processes",
    ),
    Fault(
        "Connections that never send a request stay open for ever",
        "app/web/middleware/uvicorn_protocol.py",
        "        super().connection_made(transport)\n"
        "        self._watch = self.loop.call_later(HEADER_TIMEOUT, self.transport.close)\n",
        "        super().connection_made(transport)\n",
        (HOSTILE + "test_300_rude_connections_keep_nobody_from_submitting_and_are_dropped",),
        only="processes",
    ),
    Fault(
        "The head of a request may be as long as a sender likes",
        "app/web/middleware/uvicorn_protocol.py",
        "if self._head > MAX_HEADER_BYTES and not self.transport.is_closing():",
        "if self._head < 0 and not self.transport.is_closing():",
        (HOSTILE + "test_ambiguous_requests_are_refused_and_nothing_smuggled_is_answered",),
        only="processes",
    ),
    Fault(
        "A request that names two hosts is answered",
        "app/web/middleware/request_guard.py",
        'if hosts > 1 or (not hosts and self.scope["http_version"] == "1.1"):',
        'if not hosts and self.scope["http_version"] == "1.1":',
        (HOSTILE + "test_ambiguous_requests_are_refused_and_nothing_smuggled_is_answered",),
        only="processes",
    ),
    Fault(
        "What is left of a refused body is taken for the next request",
        "app/web/middleware/request_guard.py",
        "            if self.body_to_come and self.received >= 0:\n",
        "            if self.body_to_come and self.received < -1:\n",
        ("tests/e2e/processes/test_hostile.py",),
        only="processes",
        slow=True,
    ),
    Fault(
        "A body without end fills the memory",
        "app/web/middleware/request_guard.py",
        "            if self.received > self.guard.max_body:",
        "            if self.received > self.guard.max_body * 10**6:",
        (HOSTILE + "test_a_body_without_end_is_refused_before_it_fills_the_memory",),
        only="processes",
    ),
    Fault(
        "A person who loses the network while sending is logged as an accident of ours",
        "app/web/middleware/request_guard.py",
        "        except ClientDisconnect:\n",
        "        except InterruptedError:\n",
        (HOSTILE + "test_400_clients_who_vanish_leave_nothing_behind",),
        only="processes",
    ),
    Fault(
        "Replicas count the requests of one key apart",
        "app/web/http/rate_limits.py",
        'f"{self._kind}/{minute}/{name}"',
        'f"{self._kind}/{minute}/{name}/{id(self)}"',
        (
            "tests/e2e/processes/test_limits.py::test_forms_begun_are_counted_by_all_replicas_together",
            "tests/e2e/processes/test_limits.py::test_two_replicas_hold_one_limit_of_a_key_in_total",
        ),
        only="processes",
    ),
    Fault(
        "The time a sign-in takes tells who works at the clinic",
        "app/web/staff/login.py",
        "    if not await services.passwords.verify(password, person.password_hash if person else None)"
        " or not person:\n",
        "    if not person or not await services.passwords.verify(password, person.password_hash):\n",
        ("tests/e2e/processes/test_sign_in.py",),
        only="processes",
    ),
    Fault(
        "A delivery whose process was killed is never tried again",
        "app/storage/events/webhook_deliveries.py",
        "session.execute(leased.values(next_attempt_at=until, attempt_count=_row.attempt_count + 1))",
        "session.execute(\n"
        "            leased.values(\n"
        "                next_attempt_at=until, attempt_count=_row.attempt_count + 1,\n"
        "                state=FAILED, finished_at=now,\n"
        "            )\n"
        "        )",
        (
            "tests/services/events/test_webhook_deliveries.py",
            "tests/e2e/processes/test_webhooks.py::test_receivers_on_a_bad_day_and_a_killed_server_lose_nothing",
        ),
    ),
)
