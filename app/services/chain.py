"""The chain through the audit trail: no event can be changed, moved or taken out unnoticed.

Office: gives events positions and MACs soon after they were written (the act they tell of does not wait), and
finds the first place that does not fit. Refuses: to go on from an end that does not fit, which would hide it.

A MAC reads `<key id>.<hex>`: HMAC-SHA256, by a key of the keyring derived for this alone, of the event's
fields as canonical JSON (RFC 8785), its position among them, and the MAC before it. Rotation makes a newer
key, and later links are by that; the keyring keeps the older ones (a start without one is refused), so older
links are still checked. Nothing is signed twice, and no key has to be picked out as the one that stays.

What it can not show: an event forged before it is linked, within about a second; and the table put back to an
older copy together with its head. For that heads are published to another place (an anchor file).
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic_core import to_json

from app.errors import Refusal
from app.sealing import Keyring
from app.storage import chain
from app.storage.audit import Event
from app.storage.chain import Head, Link
from app.storage.database import Session

EVENT, HEAD = "audit event", "audit head"  # what the derived keys are for
LATE = dt.timedelta(minutes=5)  # an event that waits longer is not linked by anybody
Kind = Literal["changed", "missing", "forged", "head", "anchor", "waiting"]
Anchors = Mapping[int, bytes]
End = tuple[int, bytes]  # position and MAC of the last event


class Broken(Exception):
    """The chain does not end where its head says: nothing is linked until somebody has looked."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that does not fit, and at which position."""

    kind: Kind
    position: int
    told: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many events are linked, how many wait and since when, and the first fault."""

    linked: int
    waiting: int
    oldest: dt.datetime | None
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class State:
    """Where the chain ends and since when, what waits for it and since when, and why it does not go on."""

    position: int
    at: dt.datetime | None
    waiting: int
    oldest: dt.datetime | None
    broken: str


def link(session: Session, keyring: Keyring, *, now: dt.datetime, limit: int = 1000) -> list[Event]:
    """Link the next events that wait; these, at their places. Raises Broken."""
    chain.alone(session)
    begun, position, mac = _end(session, keyring)
    linked, sign = [], keyring.signer(EVENT)
    for event in chain.waiting(session, limit):
        position += 1
        mac = sign(_event(event, position, mac)).encode()
        linked.append(event._replace(position=position, mac=mac))
    chain.link(session, [Link(each.seq, each.position or 0, each.mac or b"") for each in linked])
    if linked or not begun:
        signed = keyring.sign(HEAD, _head(position, now, mac)).encode()
        chain.move_head(session, Head(position, signed, now))
    return linked


def verify(
    session: Session, keyring: Keyring, *, now: dt.datetime, anchors: Anchors | None = None
) -> Verified:
    """Walk the whole chain, in one moment of the database; `anchors`: published positions and their MACs."""
    chain.still(session)
    fault = _fault(session, keyring, anchors or {})
    waiting, oldest = chain.backlog(session)
    linked = chain.linked(session)
    if fault is None and oldest is not None and oldest < now - LATE:
        fault = Fault("waiting", linked + 1, "an event has waited more than five minutes to be linked")
    return Verified(linked, waiting, oldest, fault)


def state(session: Session, keyring: Keyring) -> State:
    """What can be said of the chain at a glance; only `verify` walks it."""
    head = chain.head(session)
    waiting, oldest = chain.backlog(session)
    try:
        _end(session, keyring)
        broken = ""
    except Broken as told:
        broken = str(told)
    return State(head.position if head else 0, head.at if head else None, waiting, oldest, broken)


def published(session: Session, keyring: Keyring) -> str:
    """The end of the chain as one line for an anchor file. Raises Broken."""
    _, position, mac = _end(session, keyring)
    head = chain.head(session)
    at = head.at.isoformat() if head else None
    return json.dumps({"position": position, "mac": mac.decode(), "at": at})


def parse_anchors(lines: Iterable[str]) -> dict[int, bytes]:
    """Position to MAC of every line of an anchor file. Raises Refusal naming the line."""
    found: dict[int, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            head = json.loads(line)
            position, mac = head["position"], head["mac"].encode("ascii")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refusal(f"Line {number} of the anchor file is no published head.") from None
        if type(position) is not int or position < 0:
            raise Refusal(f"Line {number} of the anchor file is no published head.")
        if found.setdefault(position, mac) != mac:
            raise Refusal(f"Line {number} of the anchor file contradicts an earlier one.")
    return found


def _end(session: Session, keyring: Keyring) -> tuple[bool, int, bytes]:
    """Whether the chain has begun, the position it ends at, and the last MAC. Raises Broken."""
    head = chain.head(session)
    if head is None:
        if chain.linked(session):
            raise Broken("the head is missing")
        return False, 0, b""
    mac = chain.mac_at(session, head.position) or b""
    if not _signed_head(keyring, head, mac):
        raise Broken("the head does not fit the last event")
    return True, head.position, mac


def _fault(session: Session, keyring: Keyring, anchors: Anchors) -> Fault | None:
    place, mac = 0, b""
    for event in chain.walk(session):
        found = event.position or 0
        if found != place + 1:
            return _gap(place + 1, found)
        signature = (event.mac or b"").decode("ascii", "replace")
        if not keyring.signed(EVENT, _event(event, found, mac), signature):
            return Fault("changed", found, "this event, or its place, is not as it was linked")
        place, mac = found, event.mac or b""
        if anchors.get(place, mac) != mac:
            return Fault("anchor", place, "another event than this was published at this position")
    return _fault_at_end(chain.head(session), keyring, (place, mac), max(anchors, default=0))


def _gap(expected: int, found: int) -> Fault:
    if found > expected:
        return Fault("missing", expected, "the event at this position is missing")
    return Fault("forged", found, "no event was ever linked at this position")


def _fault_at_end(
    head: Head | None, keyring: Keyring, end: tuple[int, bytes], published: int
) -> Fault | None:
    """What does not fit between the last event, the head and the last published position."""
    place, mac = end
    if head is None:
        return Fault("head", place, "the head of the chain is missing")
    if place < head.position:
        return Fault("missing", place + 1, "the events from this position to the head are missing")
    if place > head.position:
        return Fault("forged", head.position + 1, "no event was ever linked behind the head")
    if not _signed_head(keyring, head, mac):
        return Fault("head", place, "the head is not as it was written")
    if place < published:
        return Fault("anchor", place + 1, f"events up to {published} were published; these are gone")
    return None


def _signed_head(keyring: Keyring, head: Head, mac: bytes) -> bool:
    signature = head.mac.decode("ascii", "replace")
    return keyring.signed(HEAD, _head(head.position, head.at, mac), signature)


def _event(event: Event, position: int, before: bytes) -> bytes:
    """What a link's MAC is of. Keys in order and the compact form: RFC 8785 of strings, integers and null."""
    fields = {
        "action": event.action,
        "actor_id": event.actor_id,
        "actor_kind": event.actor_kind,
        "at": event.at.isoformat(timespec="microseconds"),
        "object_id": event.object_id,
        "object_type": event.object_type,
        "position": position,
        "request_id": event.request_id,
        "seq": event.seq,
    }
    return to_json(fields) + b"|" + before


def _head(position: int, at: dt.datetime, last: bytes) -> bytes:
    return to_json({"at": at.isoformat(timespec="microseconds"), "position": position}) + b"|" + last
