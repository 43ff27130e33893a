"""The identifiers this service uses in FHIR: canonical URLs, code systems, extensions and resource ids.

Responsible for: identifiers that don't depend on where an edition is served, so two clinics with the same
edition use the same ones. An identifier is not an address, and is never fetched.
Never: guesses; an identifier in any other form doesn't belong to this service.
"""

from app.rules.engine.edition import Edition

CANONICAL = "urn:preconsult:questionnaire:"
OPTIONS = "urn:preconsult:options:"
BOOKING_REFERENCE = "urn:preconsult:booking-reference"
PROBLEM = "urn:preconsult:problem"
ISSUE = "urn:preconsult:issue"
RULE = "urn:preconsult:rule"

OWN_SYSTEM = "urn:preconsult:extension:"
UNKNOWN = OWN_SYSTEM + "unknown"
MUST_BE_TRUE = OWN_SYSTEM + "must-be-true"
REQUIRED_WHEN = OWN_SYSTEM + "required-when"
INTERRUPTION = OWN_SYSTEM + "interruption"
LABEL = OWN_SYSTEM + "label"

HL7 = "http://hl7.org/fhir/StructureDefinition/"
MIN_VALUE, MAX_VALUE = HL7 + "minValue", HL7 + "maxValue"
EXCLUSIVE = HL7 + "questionnaire-optionExclusive"
ITEM_CONTROL = HL7 + "questionnaire-itemControl"
ITEM_CONTROLS = "http://hl7.org/fhir/questionnaire-item-control"
TEST_TAG = ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", "test health data")

FOOTER = "notice.footer"  # a linkId of an edition never contains a dot


def url(questionnaire: str) -> str:
    """Return the canonical URL of a questionnaire, by its id."""
    return CANONICAL + questionnaire


def canonical(questionnaire: str, version: str) -> str:
    """Return `url|version`, the form in which a QuestionnaireResponse refers to its questionnaire."""
    return f"{url(questionnaire)}|{version}"


def parse_canonical(wanted: str) -> tuple[str, str | None] | None:
    """Return the questionnaire id and version of a canonical, or None for an unknown form.

    The version is None if the canonical has none.
    """
    if not wanted.startswith(CANONICAL):
        return None
    name, bar, version = wanted.removeprefix(CANONICAL).partition("|")
    return (name, version if bar else None) if name and (version or not bar) else None


def resource_id(edition: Edition) -> str:
    """Return the id of the Questionnaire of an edition; it contains the version (editions never change)."""
    return f"{edition.id}-{edition.version}"


def system(questionnaire: str, link_id: str) -> str:
    """Return the code system of one question's options: `other` has a different meaning in each question."""
    return f"{OPTIONS}{questionnaire}:{link_id}"


def help_item_id(link_id: str) -> str:
    """Return the linkId of the display item that explains why a question is asked."""
    return f"{link_id}.why"
