"""The FHIR features of this server, as a CapabilityStatement (R4).

Never: declares anything that the routes of web/api/fhir.py don't implement.
"""

from app.fhir.models import (
    CapabilityEntry,
    CapabilityImplementation,
    CapabilityResource,
    CapabilityRest,
    CapabilitySecurity,
    CapabilitySoftware,
    CapabilityStatement,
)

SINCE = "2026-11-25"  # the date when the statement last changed
FORMATS = ["application/fhir+json", "json"]
VALIDATE = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
SEARCHED = {"_id": "token", "url": "uri", "version": "token", "status": "token"}
KEYS = "An API key as `Authorization: Bearer`; its scope is fhir, or submissions:write and submissions:read."


def statement(base: str) -> CapabilityStatement:
    """Return the statement for the FHIR routes at the address `base`."""
    questionnaires = CapabilityResource(
        type="Questionnaire",
        interaction=[CapabilityEntry(code="read"), CapabilityEntry(code="search-type")],
        searchParam=[CapabilityEntry(name=name, type=kind) for name, kind in SEARCHED.items()],
        documentation="Open to anybody; texts by Accept-Language. An id holds the version and never changes.",
    )
    responses = CapabilityResource(
        type="QuestionnaireResponse",
        interaction=[CapabilityEntry(code="create"), CapabilityEntry(code="read")],
        operation=[CapabilityEntry(name="validate", definition=VALIDATE)],
        documentation="Validated like any submission. completed is submitted, in-progress is a draft.",
    )
    return CapabilityStatement(
        date=SINCE,
        software=CapabilitySoftware(name="preconsult"),
        implementation=CapabilityImplementation(
            description="A clinic's pre-consultation questionnaires", url=base
        ),
        format=FORMATS,
        rest=[
            CapabilityRest(
                security=CapabilitySecurity(description=KEYS), resource=[questionnaires, responses]
            )
        ],
    )
