"""Sample answers of fictional respondents. Never: uses data of real people."""

from typing import Any

Answers = dict[str, Any]

CARA: Answers = {  # has CRPS, and depression that two medicines did not help enough
    "info_only": True,
    "answering_for": "myself",
    "age_band": "25_44",
    "urgent_signs": ["none_of_these"],
    "visit_reason": ["long_term_pain", "low_mood"],
    "pain_types": ["crps"],
    "depression_told_by_clinician": "yes",
    "depression_treatments_tried": "2",
    "depression_treatments_helped": "no",
    "contact_permission": "no",
}
NOA: Answers = CARA | {"self_harm_thoughts": "now"}  # in immediate danger
MINA: Answers = {"info_only": True, "answering_for": "myself", "age_band": "under_18"}
PAT: Answers = CARA | {"contact_permission": "yes"}  # allows a call
PAT_CONTACT = {"name": "Pat Canary-Quill", "phone": "+1 561 555 0142", "email": "pat.canary@example.org"}
FULL: Answers = CARA | {  # answers every question and allows contact
    "visit_reason": ["long_term_pain", "low_mood", "other"],
    "pain_named_by_clinician": "some",
    "pain_duration": "1_to_5_years",
    "pain_intensity": 7,
    "pain_tried": ["prescribed_medicine", "ketamine"],
    "pain_tried_helped": "a_little",
    "other_feelings": ["anxiety"],
    "self_harm_thoughts": "past",
    "health_topics": ["bp_heart"],
    "takes_medicines": "yes",
    "ride_home": "not_sure",
    "contact_permission": "yes",
} | {f"contact_{kind}": value for kind, value in PAT_CONTACT.items()}  # fmt: skip


def body(answers: Answers, **more: Any) -> dict[str, Any]:
    """A request body for POST /v1/submissions and /v1/evaluations."""
    return {"questionnaire": "ketamine-preconsult", "answers": answers} | more
