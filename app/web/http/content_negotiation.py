"""Content negotiation: media types, languages, ETags (RFC 9110).

Responsible for: the few headers that the API negotiates by. Never: guesses the meaning of a header it can't
read.
"""

import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotAcceptable, PreconditionFailed, PreconditionRequired
from app.rules.engine.edition import Edition

MAX_MEMBERS = 50
VERSION = re.compile(r'(?:W/)?"(\d{1,9})"')


def _weighted(header: str) -> list[tuple[str, float]]:
    """Return the first members of a header with their weights, highest weight first."""
    found = []
    for member in header.split(",")[:MAX_MEMBERS]:
        name, *parameters = (part.strip() for part in member.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            found.append((name.lower(), float(weight)))
        except ValueError:
            continue
    return sorted(found, key=lambda each: -each[1])


def media_type(request: Request, offered: Sequence[str]) -> str:
    """Return the offered type that the client prefers. Raises NotAcceptable."""
    header = request.headers.get("accept", "*/*") or "*/*"
    for name, weight in _weighted(header):
        for offer in offered:
            if weight > 0 and name in (offer, "*/*", offer.split("/")[0] + "/*"):
                return offer
    raise NotAcceptable(f"This is offered as {', '.join(offered)}.")


def language(request: Request, edition: Edition) -> str:
    """Return the language of the edition that the client prefers, else its first."""
    for tag, weight in _weighted(request.headers.get("accept-language", "")):
        found = edition.language(tag)
        if weight > 0 and tag.split("-")[0] == found.lower().split("-")[0]:
            return found
    return edition.language(None)


def etag(version: int) -> dict[str, str]:
    """Return the ETag header of a version."""
    return {"etag": f'"{version}"'}


def if_match(request: Request) -> int | None:
    """Return the version that a change is meant for; None stands for `*`.

    Raises PreconditionRequired if the header is missing, PreconditionFailed if it cannot be an ETag of this
    API.
    """
    header = request.headers.get("if-match")
    if header is None:
        raise PreconditionRequired("Send If-Match with the ETag you last saw.")
    if header.strip() == "*":
        return None
    found = VERSION.fullmatch(header.strip())
    if found is None or header.strip().startswith("W/"):
        raise PreconditionFailed(
            "If-Match holds no ETag of this resource. Send it as it came, with its quotes, or fetch it again."
        )
    return int(found[1])


def unchanged(request: Request, tag: str) -> bool:
    """Return whether If-None-Match shows that the client already has this ETag."""
    header = request.headers.get("if-none-match", "")
    tags = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in tags or tag in tags


def conditional(request: Request, content: bytes, kind: str, headers: dict[str, str]) -> Response:
    """Return `content`, or 304 if the client already has it; `headers` contains its ETag."""
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=kind)
