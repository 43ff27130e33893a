"""URLs of a one-time link.

Responsible for: the two forms of the link. Never: stores or logs one.
"""

from app.web.dependencies import Services


def links(services: Services, secret: str) -> dict[str, str]:
    """Return the link for a person, with its secret after the #, and one for browsers without scripts."""
    base = f"{str(services.settings.public_url).rstrip('/')}/r"
    return {"link": f"{base}#{secret}", "plain_link": f"{base}/{secret}"}
