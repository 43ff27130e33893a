"""Audit chain: a hash chain over the audit log, so that no event can be changed, moved or removed unnoticed.

Responsible for: giving events a position and a MAC soon after they were written (the audited operation does
not wait for it), and finding the first position that does not verify. Never: extends a chain whose end does
not verify, because that would hide the fault.

A MAC reads `<key id>.<hex>`: HMAC-SHA256, with a key derived from the keyring for this purpose only, over the
event's fields as canonical JSON (RFC 8785), its position in the chain, and the previous MAC. Rotation adds a
newer key, and later events are signed with it. The keyring retains the older keys (a start without one is
refused), so older events can still be verified. Nothing is signed twice, and no key is the permanent one.

Limits: it cannot detect an event that is forged before it is chained, which takes about a second, nor a table
that is restored to an older copy together with its head. For the latter, heads are published to another
location (an anchor file).
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic_core import to_json

from app.encryption import Keyring
from app.errors import StartupError
from app.storage.db.database import Session
from app.storage.events import audit_chain
from app.storage.events.audit_chain import Head, Link
from app.storage.events.audit_log import Event

EVENT, HEAD = "audit event", "audit head"  # the purposes of the derived keys
OVERDUE_AFTER = dt.timedelta(minutes=5)  # an event that waits longer is not being chained by any process
Kind = Literal["changed", "missing", "forged", "head", "anchor", "waiting"]
Anchors = Mapping[int, bytes]
End = tuple[int, bytes]  # position and MAC of the last event


class ChainBroken(Exception):
    """The end of the chain does not match its head; nothing is chained until an operator has examined it."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first position that does not verify, and why."""

    kind: Kind
    position: int
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """How many events are chained, how many wait and since when, and the first fault."""

    linked: int
    waiting: int
    oldest: dt.datetime | None
    fault: ChainFault | None


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """The end of the chain and its time, how many events wait and since when, and why it is broken, or ""."""

    position: int
    at: dt.datetime | None
    waiting: int
    oldest: dt.datetime | None
    broken: str


def append_links(session: Session, keyring: Keyring, *, now: dt.datetime, limit: int = 1000) -> list[Event]:
    """Chain the next waiting events and return them with their positions. Raises Broken."""
    audit_chain.lock_chain(session)
    begun, position, mac = _end(session, keyring)
    linked, sign = [], keyring.signer(EVENT)
    for event in audit_chain.waiting(session, limit):
        position += 1
        mac = sign(_event(event, position, mac)).encode()
        linked.append(event._replace(chain_position=position, mac=mac))
    audit_chain.link(session, [Link(each.id, each.chain_position or 0, each.mac or b"") for each in linked])
    if linked or not begun:
        signed = keyring.sign(HEAD, _head(position, now, mac)).encode()
        audit_chain.move_head(session, Head(position, signed, now))
    return linked


def verify(
    session: Session, keyring: Keyring, *, now: dt.datetime, anchors: Anchors | None = None
) -> VerificationReport:
    """Verify the whole chain in one snapshot of the database.

    `anchors`: published positions and their MACs.
    """
    audit_chain.begin_snapshot(session)
    fault = _fault(session, keyring, anchors or {})
    waiting, oldest = audit_chain.backlog(session)
    linked = audit_chain.linked_count(session)
    if fault is None and oldest is not None and oldest < now - OVERDUE_AFTER:
        fault = ChainFault("waiting", linked + 1, "an event has waited more than five minutes to be linked")
    return VerificationReport(linked, waiting, oldest, fault)


def state(session: Session, keyring: Keyring) -> ChainStatus:
    """Return the state of the chain without reading all of it; only `verify` does that."""
    head = audit_chain.head(session)
    waiting, oldest = audit_chain.backlog(session)
    try:
        _end(session, keyring)
        broken = ""
    except ChainBroken as error:
        broken = str(error)
    return ChainStatus(head.position if head else 0, head.at if head else None, waiting, oldest, broken)


def head_line(session: Session, keyring: Keyring) -> str:
    """Return the end of the chain as one line for an anchor file. Raises Broken."""
    _, position, mac = _end(session, keyring)
    head = audit_chain.head(session)
    at = head.at.isoformat() if head else None
    return json.dumps({"position": position, "mac": mac.decode(), "at": at})


def parse_anchors(lines: Iterable[str]) -> dict[int, bytes]:
    """Return position to MAC for every line of an anchor file. Raises Refusal naming the line."""
    found: dict[int, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            head = json.loads(line)
            position, mac = head["position"], head["mac"].encode("ascii")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StartupError(f"Line {number} of the anchor file is no published head.") from None
        if type(position) is not int or position < 0:
            raise StartupError(f"Line {number} of the anchor file is no published head.")
        if found.setdefault(position, mac) != mac:
            raise StartupError(f"Line {number} of the anchor file contradicts an earlier one.")
    return found


def _end(session: Session, keyring: Keyring) -> tuple[bool, int, bytes]:
    """Return whether the chain has a head, the position at its end, and the last MAC. Raises Broken."""
    head = audit_chain.head(session)
    if head is None:
        if audit_chain.linked_count(session):
            raise ChainBroken("the head is missing")
        return False, 0, b""
    mac = audit_chain.mac_at(session, head.position) or b""
    if not _signed_head(keyring, head, mac):
        raise ChainBroken("the head does not fit the last event")
    return True, head.position, mac


def _fault(session: Session, keyring: Keyring, anchors: Anchors) -> ChainFault | None:
    place, mac = 0, b""
    for event in audit_chain.iter_linked(session):
        found = event.chain_position or 0
        if found != place + 1:
            return _gap(place + 1, found)
        signature = (event.mac or b"").decode("ascii", "replace")
        if not keyring.signed(EVENT, _event(event, found, mac), signature):
            return ChainFault("changed", found, "this event, or its place, is not as it was linked")
        place, mac = found, event.mac or b""
        if anchors.get(place, mac) != mac:
            return ChainFault("anchor", place, "another event than this was published at this position")
    return _fault_at_end(audit_chain.head(session), keyring, (place, mac), max(anchors, default=0))


def _gap(expected: int, found: int) -> ChainFault:
    if found > expected:
        return ChainFault("missing", expected, "the event at this position is missing")
    return ChainFault("forged", found, "no event was ever linked at this position")


def _fault_at_end(
    head: Head | None, keyring: Keyring, end: tuple[int, bytes], published: int
) -> ChainFault | None:
    """Return the fault between the last event, the head and the last published position, if there is one."""
    place, mac = end
    if head is None:
        return ChainFault("head", place, "the head of the chain is missing")
    if place < head.position:
        return ChainFault("missing", place + 1, "the events from this position to the head are missing")
    if place > head.position:
        return ChainFault("forged", head.position + 1, "no event was ever linked behind the head")
    if not _signed_head(keyring, head, mac):
        return ChainFault("head", place, "the head is not as it was written")
    if place < published:
        return ChainFault("anchor", place + 1, f"events up to {published} were published; these are gone")
    return None


def _signed_head(keyring: Keyring, head: Head, mac: bytes) -> bool:
    signature = head.mac.decode("ascii", "replace")
    return keyring.signed(HEAD, _head(head.position, head.at, mac), signature)


def _event(event: Event, position: int, before: bytes) -> bytes:
    """Return the bytes that an event's MAC covers.

    Sorted keys and compact form: RFC 8785 for strings, integers and null.
    """
    fields = {
        "action": event.action,
        "actor_id": event.actor_id,
        "actor_kind": event.actor_kind,
        "at": event.at.isoformat(timespec="microseconds"),
        "object_id": event.object_id,
        "object_type": event.object_type,
        "position": position,
        "request_id": event.request_id,
        "seq": event.id,
    }
    return to_json(fields) + b"|" + before


def _head(position: int, at: dt.datetime, last: bytes) -> bytes:
    return to_json({"at": at.isoformat(timespec="microseconds"), "position": position}) + b"|" + last
