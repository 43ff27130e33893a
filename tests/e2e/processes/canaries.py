"""Canary values that cannot be mistaken, and the scanner that finds them in any encoding.

Responsible for: plain, lower and upper case, base64 at each alignment, hex, URL-encoded, JSON-escaped,
UTF-16, and all of these inside deflated data. Never: reports less because a file is large.
"""

import base64
import functools
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

NAME = "Zoë Canary-Quillfeather"
PHONE = "+1 561 555 0142"
EMAIL = "zoe.canary@quillfeather.example"
CONTACT = {"name": NAME, "phone": PHONE, "email": EMAIL}

ANSWERS = {  # every code is distinctive, or is stored beside a linkId that is
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ["numb_or_bladder_bowel", "sickle_fever"],
    "visit_reason": ["long_term_pain", "low_mood"],
    "pain_types": ["crps"],
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "3_or_more",
    "depression_treatments_helped": "yes_enough",
    "self_harm_thoughts": "now",
    "health_topics": ["psychosis_mania", "pregnant_breastfeeding", "substance_use"],
    "contact_permission": "yes",
}
HEALTH = (
    "numb_or_bladder_bowel",
    "sickle_fever",
    "depression_treatments_tried",
    "3_or_more",
    "yes_enough",
    "self_harm_thoughts",
    "psychosis_mania",
    "pregnant_breastfeeding",
    "Things to discuss",
)
STRAY = {  # values where clients send what no one asked for
    "value": "CANARY-value-4b1e",
    "member": "canary_member_77aa",
    "malformed": "CANARY-malformed-90cd",
    "path": "CANARY-path-51f0",
    "query": "CANARY-query-3a3a",
    "header": "CANARY-header-e0e1",
    "credential": "CANARY-credential-2d2d",
    "address": "203.0.113.77",
}
DEEPEST_OFFSET = 64  # deflated text begins near the start of a value


def contact_forms() -> list[str]:
    """The contact details that identify the person, also in parts or normalised."""
    return [NAME, "Quillfeather", PHONE, "".join(filter(str.isdigit, PHONE)), EMAIL]


@functools.cache
def forms(text: str) -> dict[str, bytes]:
    """`text` in every encoding: name of the encoding to bytes."""
    plain = text.encode()
    found = {
        "plain": plain,
        "lower": text.lower().encode(),
        "upper": text.upper().encode(),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "url": quote(text, safe="").encode(),
        "url+": quote(text, safe="").replace("%20", "+").encode(),
        "json": json.dumps(text)[1:-1].encode(),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
    }
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        first, last = -(-shift * 8 // 6), (shift + len(plain)) * 8 // 6
        found[f"base64+{shift}"] = coded[first:last]
        found[f"base64url+{shift}"] = coded[first:last].translate(bytes.maketrans(b"+/", b"-_"))
    return found


def sightings(hay: bytes, canaries: Iterable[str]) -> list[str]:
    """Each canary found in `hay`, with the encoding it was found in."""
    return [
        f"{canary!r} as {name}"
        for canary in canaries
        for name, needle in forms(canary).items()
        if needle in hay
    ]


def sightings_deflated(value: bytes, canaries: Iterable[str]) -> list[str]:
    """The same for data that `value` contains in deflated form, starting at one of its first bytes."""
    wanted, found = list(canaries), []
    for offset in range(min(len(value), DEEPEST_OFFSET)):
        for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS, 31):
            try:
                inside = zlib.decompressobj(bits).decompress(value[offset:])
            except zlib.error:
                continue
            found += [f"{told}, deflated" for told in sightings(inside, wanted)]
    return found


def sightings_in(files: Mapping[str, bytes], canaries: Iterable[str]) -> list[str]:
    wanted = list(canaries)
    return [f"{name}: {told}" for name, content in files.items() for told in sightings(content, wanted)]


def files_below(folder: Path, *, but: str = r"$^") -> dict[str, bytes]:
    """The bytes of every file below `folder`, except those whose path matches `but`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not re.search(but, str(path.relative_to(folder))):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found
