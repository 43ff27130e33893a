"""The first edition again, written by hand from the tables of content/README.md (sections 2, 3 and 5).

Responsible for: an oracle that shares neither data nor code with app/rules: what must follow from a set of
answers according to the specification. Never: reads rules.yaml, questionnaire.yaml or the evaluator.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

SIX = ("neuropathic", "crps", "fibromyalgia", "cancer_pain", "sickle_cell", "spinal_injury")
SIGNS = ("numb_or_bladder_bowel", "new_weakness", "chest_or_breathing", "stroke_signs", "sickle_fever")
REAL = (
    "store_medicine", "prescribed_medicine", "therapy_exercise", "injection_procedure", "surgery",
    "talking_therapy", "ketamine", "other",
)  # fmt: skip
ALWAYS = ("info_only", "answering_for", "age_band")
ADULTS = (
    "urgent_signs", "visit_reason", "other_feelings", "self_harm_notice", "self_harm_thoughts",
    "health_topics", "takes_medicines", "ride_home", "contact_permission",
)  # fmt: skip
PAIN = ("pain_types", "pain_named_by_clinician", "pain_duration", "pain_intensity", "pain_tried")
TOPICS_OF_HEALTH = {
    "K_BP_HEART": "bp_heart", "K_VESSEL": "vessel_bleed", "K_PSYCHOSIS": "psychosis_mania",
    "K_PREGNANCY": "pregnant_breastfeeding", "K_LIVER": "liver", "K_BLADDER": "bladder",
    "K_PRESSURE": "eye_brain_pressure", "K_SUBSTANCE": "substance_use", "K_ANESTHESIA": "anesthesia_reaction",
}  # fmt: skip
CITES = {
    "P_NEURO": ("P15", "P17", "P19"), "P_CRPS": ("P17", "P20"), "P_FIBRO": ("P17", "P22"),
    "P_CANCER": ("P17", "P18"), "P_SCD": ("P17", "P23"), "P_SPINE": ("P17", "P21"), "P_OTHER": ("P01",),
    "P_UNSURE": ("P01",), "P_SHORT": ("P01",), "P_TRIED": ("P01",), "M_TRD": ("P24", "P25"),
    "M_DEP_OTHER": ("P24",), "M_DEP_UNCLEAR": ("P24",), "M_ANX_PTSD": ("P26",), "G_WHAT": ("P07", "P08"),
    "G_ALWAYS": ("P31",),
}  # fmt: skip
AS_IS = {"P01", "P07", "P08", "P11", "P31"}


@dataclass(frozen=True)
class Expected:
    rules: list[str]
    mode: str
    passages: list[str]
    flags: list[str]
    enabled: set[str]


class _Heard:
    """Answers to the enabled questions only; all answers if `enabled` is None."""

    def __init__(self, answers: Mapping[str, Any], enabled: Collection[str] | None) -> None:
        self.answers, self.enabled = answers, enabled

    def any(self, question: str, *codes: str) -> bool:
        if self.enabled is not None and question not in self.enabled:
            return False
        given = self.answers.get(question, ())
        return bool(set(codes) & set((given,) if isinstance(given, str) else given))


def expected(answers: Mapping[str, Any]) -> Expected:
    enabled = _enabled(answers)
    heard = _Heard(answers, enabled)
    minor = heard.any("age_band", "under_18")
    rules = _safety(heard, _Heard(answers, None)) + _about_you(heard)
    if not minor:
        pain, mood = _pain(heard), _mood(heard)
        rules += pain + mood + _health(heard)
        limited = _mode(rules) == "limited"
        if not pain and not mood:
            rules.append("G_NOTHING")
        if not limited and any(rule in CITES for rule in pain + mood):
            rules.append("G_WHAT")
        rules.append("G_ALWAYS")
    mode = _mode(rules)
    return Expected(rules, mode, _passages(rules, mode, heard), _flags(rules, heard), enabled)


def _enabled(answers: Mapping[str, Any]) -> set[str]:
    enabled = {"start", "about", "urgent", "reason", "pain", "mood", "health", "contact", *ALWAYS}
    heard = _Heard(answers, enabled)
    if heard.any("age_band", "18_24", "25_44", "45_64", "65_plus", "prefer_not_to_say"):
        enabled |= set(ADULTS)
    if heard.any("visit_reason", "long_term_pain", "not_sure"):
        enabled |= set(PAIN)
    if heard.any("pain_tried", *REAL):
        enabled.add("pain_tried_helped")
    if heard.any("visit_reason", "low_mood", "not_sure"):
        enabled.add("depression_told_by_clinician")
    if heard.any("depression_told_by_clinician", "yes", "not_sure"):
        enabled.add("depression_treatments_tried")
    if heard.any("depression_treatments_tried", "1", "2", "3_or_more", "not_sure"):
        enabled.add("depression_treatments_helped")
    if heard.any("contact_permission", "yes"):
        enabled |= {"contact_name", "contact_phone", "contact_email"}
    return enabled


def _safety(heard: _Heard, posted: _Heard) -> list[str]:
    found = {
        "U18": heard.any("age_band", "under_18"),
        "S_URGENT": posted.any("urgent_signs", *SIGNS),
        "S_NOW": posted.any("self_harm_thoughts", "now"),
        "S_RECENT": posted.any("self_harm_thoughts", "recent"),
        "S_PAST": heard.any("self_harm_thoughts", "past"),
        "S_UNSAID": heard.any("self_harm_thoughts", "prefer_not_to_say"),
    }
    return [rule for rule, fires in found.items() if fires]


def _about_you(heard: _Heard) -> list[str]:
    unknown, proxy = heard.any("age_band", "prefer_not_to_say"), heard.any("answering_for", "someone_else")
    return ["A_UNKNOWN"] * unknown + ["S_PROXY"] * proxy


def _pain(heard: _Heard) -> list[str]:
    little = heard.any("pain_tried_helped", "a_little", "not_at_all")
    unnamed = heard.any("pain_named_by_clinician", "no", "some", "not_sure")
    names = ("P_NEURO", "P_CRPS", "P_FIBRO", "P_CANCER", "P_SCD", "P_SPINE", "P_OTHER", "P_UNSURE")
    kinds = (*SIX, "other_pain", "not_sure")
    found = {rule: heard.any("pain_types", kind) for rule, kind in zip(names, kinds, strict=True)}
    found["P_SHORT"] = heard.any("pain_duration", "under_3_months")
    found["P_TRIED"] = heard.any("pain_tried", *REAL) and little
    found["P_UNNAMED"] = heard.any("pain_types", *SIX) and unnamed
    return [rule for rule, fires in found.items() if fires]


def _mood(heard: _Heard) -> list[str]:
    told = heard.any("depression_told_by_clinician", "yes")
    trd = heard.any("depression_treatments_tried", "2", "3_or_more") and heard.any(
        "depression_treatments_helped", "no", "partly"
    )
    other = heard.any("depression_treatments_tried", "0", "1") or heard.any(
        "depression_treatments_helped", "yes_enough"
    )
    rules = ["M_TRD" if trd else "M_DEP_OTHER" if other else "M_DEP_UNCLEAR"] if told else []
    not_told = heard.any("depression_told_by_clinician", "no", "not_sure", "prefer_not_to_say")
    if heard.any("visit_reason", "low_mood") and not_told:
        rules.append("M_MOOD_NO_DX")
    return rules + ["M_ANX_PTSD"] * heard.any("other_feelings", "anxiety", "trauma")


def _health(heard: _Heard) -> list[str]:
    found = {rule: heard.any("health_topics", topic) for rule, topic in TOPICS_OF_HEALTH.items()}
    found["K_PRIOR"] = heard.any("pain_tried", "ketamine")
    found["K_MEDS"] = heard.any("takes_medicines", "yes")
    found["K_RIDE"] = heard.any("ride_home", "no", "not_sure")
    return [rule for rule, fires in found.items() if fires]


def _mode(rules: Collection[str]) -> str:
    if "U18" in rules:
        return "none"
    return "limited" if {"S_URGENT", "S_NOW", "S_RECENT", "A_UNKNOWN"} & set(rules) else "full"


def _passages(rules: list[str], mode: str, heard: _Heard) -> list[str]:
    cited = dict.fromkeys(passage for rule in rules for passage in CITES.get(rule, ()))
    if mode != "full":
        return [passage for passage in cited if mode == "limited" and passage in AS_IS]
    calm = heard.any("self_harm_thoughts", "no")
    return [passage for passage in cited if passage != "P26" or calm]


def _flags(rules: Collection[str], heard: _Heard) -> list[str]:
    parents = {"S_NOW": 1, "S_URGENT": 1, "S_RECENT": 2}
    urgent = [priority for rule, priority in parents.items() if rule in rules]
    route = heard.any("contact_permission", "yes")
    table = [
        ("self_harm_now", 1, "S_NOW" in rules),
        ("urgent_physical", 1, "S_URGENT" in rules),
        ("self_harm_recent", 2, "S_RECENT" in rules),
        ("under_18", 2, "U18" in rules),
        ("no_contact_route", min(urgent, default=0), bool(urgent) and not route),
        ("self_harm_past", 3, "S_PAST" in rules),
        ("age_unconfirmed", 3, "A_UNKNOWN" in rules),
        ("self_harm_unanswered", 4, "S_UNSAID" in rules),
        ("proxy", 4, "S_PROXY" in rules),
        ("risk_topics", 4, bool({*TOPICS_OF_HEALTH, "K_PRIOR"} & set(rules))),
    ]
    raised = sorted((each for each in table if each[2]), key=lambda each: each[1])
    return [name for name, _, _ in raised]
