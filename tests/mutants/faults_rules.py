"""Faults in app/rules: what is asked, what is shown, and in which order."""

from tests.mutants.fault import Fault

RULES = "app/rules/"
CONDITIONS = ("tests/rules/engine/test_condition.py",)

FAULTS = (
    Fault(
        "The opposite of an unknown answer counts as true: a person is told what nobody knows",
        RULES + "engine/condition.py",
        "return None if truth is None else not truth",
        "return True if truth is None else not truth",
        CONDITIONS,
    ),
    Fault(
        "An alternative with an unknown part counts as false: staff are not told what to ask about",
        RULES + "engine/condition.py",
        "return True if True in truths else None if None in truths else False",
        "return True in truths",
        CONDITIONS,
    ),
    Fault(
        "Interruptions stand in the wrong order: the most urgent help is not the first one read",
        RULES + "engine/summary.py",
        "        for each in evaluation.fired\n        if each.rule.interruption",
        "        for each in reversed(evaluation.fired)\n        if each.rule.interruption",
        (
            "tests/web/api/test_create.py::test_under_18_gets_no_topics_and_no_health_answer_is_kept",
            "tests/web/api/test_drafts.py::test_under_18_drops_health_answers_the_moment_it_is_saved",
        ),
        only="web",
    ),
    Fault(
        "A quotation begins one letter late: the article is not quoted word for word",
        RULES + "engine/summary.py",
        '"exact": text[passage.start : passage.end],',
        '"exact": text[passage.start + 1 : passage.end],',
        ("tests/rules/engine/test_summary.py",),
    ),
    Fault(
        "The first caution of every quotation is dropped",
        RULES + "engine/summary.py",
        "for name in passage.cautions]})",
        "for name in passage.cautions[1:]]})",
        ("tests/rules/engine/test_summary.py",),
    ),
    Fault(
        "Of two rules that stop others only the later one counts",
        RULES + "engine/evaluation.py",
        "self.stopped |= set(rule.stops)",
        "self.stopped = set(rule.stops)",
        ("tests/rules/engine/test_precedence.py",),
    ),
    Fault(
        "The milder citation mode wins: somebody in danger is shown quotations that must not be shown",
        RULES + "engine/evaluation.py",
        'return "none" if "none" in modes else "limited" if "limited" in modes else "full"',
        'return "limited" if "limited" in modes else "none" if "none" in modes else "full"',
        ("tests/rules/engine/test_evaluation.py",),
    ),
    Fault(
        "Health answers of somebody under 18 are stored",
        RULES + "engine/evaluation.py",
        "names = self.facts.enabled if self.keeps is None else self.keeps",
        "names = self.facts.enabled",
        ("tests/rules/engine/test_precedence.py", "tests/web/api/test_drafts.py"),
    ),
    Fault(
        "An edition whose published files have changed is served",
        RULES + "library.py",
        "elif fingerprint(folder) != pinned[name]:",
        "elif not fingerprint(folder):",
        ("tests/rules/test_library.py",),
    ),
    Fault(
        "A verification finds every stored summary identical",
        RULES + "engine/diff.py",
        "if then.get(name) != now[name]",
        "if then.get(name) is None",
        ("tests/rules/engine/test_diff.py",),
    ),
    Fault(
        "A form may be sent without the consent that has to be given",
        RULES + "engine/questionnaire.py",
        "(item.must_be_true and answers[item.link_id] is not True)",
        "(item.must_be_true and answers[item.link_id] is None)",
        ("tests/rules/engine/test_questionnaire.py", "tests/rules/engine/test_answers.py"),
    ),
)
