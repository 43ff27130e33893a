"""How our things are called in FHIR: canonical urls, code systems, extensions, resource ids.

Office: names that hold wherever an edition is served, so two clinics with the same edition name it alike; a
name is no address, and nobody fetches one. Refuses: to guess; what is not written as here is not ours.
"""

from app.rules.edition import Edition

CANONICAL = "urn:preconsult:questionnaire:"
OPTIONS = "urn:preconsult:options:"
BOOKING_REFERENCE = "urn:preconsult:booking-reference"
PROBLEM = "urn:preconsult:problem"
ISSUE = "urn:preconsult:issue"
RULE = "urn:preconsult:rule"

OURS = "urn:preconsult:extension:"
UNKNOWN = OURS + "unknown"
MUST_BE_TRUE = OURS + "must-be-true"
REQUIRED_WHEN = OURS + "required-when"
INTERRUPTION = OURS + "interruption"
LABEL = OURS + "label"

HL7 = "http://hl7.org/fhir/StructureDefinition/"
MIN_VALUE, MAX_VALUE = HL7 + "minValue", HL7 + "maxValue"
EXCLUSIVE = HL7 + "questionnaire-optionExclusive"
ITEM_CONTROL = HL7 + "questionnaire-itemControl"
ITEM_CONTROLS = "http://hl7.org/fhir/questionnaire-item-control"
TEST_TAG = ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", "test health data")

FOOTER = "notice.footer"  # no linkId of an edition holds a dot


def url(questionnaire: str) -> str:
    """The canonical url of a questionnaire, by its id."""
    return CANONICAL + questionnaire


def canonical(questionnaire: str, version: str) -> str:
    """`url|version`, as a QuestionnaireResponse names its questionnaire."""
    return f"{url(questionnaire)}|{version}"


def named(wanted: str) -> tuple[str, str | None] | None:
    """Questionnaire id and version of a canonical; None when it is none of ours. Version None: not told."""
    if not wanted.startswith(CANONICAL):
        return None
    name, bar, version = wanted.removeprefix(CANONICAL).partition("|")
    return (name, version if bar else None) if name and (version or not bar) else None


def resource_id(edition: Edition) -> str:
    """The id of the Questionnaire resource of an edition; it holds the version, since editions are frozen."""
    return f"{edition.id}-{edition.version}"


def system(questionnaire: str, link_id: str) -> str:
    """The code system of the options of one question: `other` means another thing in each."""
    return f"{OPTIONS}{questionnaire}:{link_id}"


def why(link_id: str) -> str:
    """The linkId of the display item that says why a question is asked."""
    return f"{link_id}.why"
