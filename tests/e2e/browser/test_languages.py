"""Switching the language in the form: every kind of page keeps the answers, and the quotations in English."""

from tests.e2e.browser.conftest import Devices
from tests.e2e.browser.mobile_device import Way, either_way, other_way
from tests.e2e.browser.staff_fixtures import StoredData
from tests.sample_answers import CARA

LANGUAGES = {  # the headings of the check page and of the summary, and the label of a gist
    "es": (
        "Revise sus respuestas",
        "Temas para hablar con un profesional de salud",
        "Lo que esto dice, en pocas palabras",
    ),
    "ht": ("Verifye repons ou yo", "Bagay pou ou pale ak yon pwofesyonèl sante", "Sa pasaj la di, an brèf"),
    "pt-BR": (
        "Confira suas respostas",
        "Assuntos para conversar com um profissional de saúde",
        "O que isto diz, em resumo",
    ),
}


@either_way
def test_another_language_on_a_page_keeps_what_is_typed_on_it_and_not_sent(
    devices: Devices, stored: StoredData, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="pain_types")
    typed = {"pain_types": ["crps", "not_sure"], "pain_named_by_clinician": "some", "pain_intensity": "very"}
    somebody.answer(typed)
    somebody.speak("es")
    assert somebody.holds("pain_types") == ["crps", "not_sure"]
    assert somebody.holds("pain_named_by_clinician") == ["some"]
    assert somebody.holds("pain_intensity") == ["very"]
    assert "Dolor" in somebody.words
    somebody.page.fill("[name=pain_intensity]", "6")
    somebody.speak("ht")
    assert somebody.holds("pain_intensity") == ["6"]
    assert stored.latest()["language"] == "ht"


@either_way
def test_another_language_on_every_later_page_keeps_the_answers_and_the_quotations_in_english(
    devices: Devices, way: Way
) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="self_harm_thoughts")
    somebody.answer(CARA | {"self_harm_thoughts": "past"})
    somebody.go_on()
    somebody.fill_in(CARA)
    for language, (check, _, _) in LANGUAGES.items():
        somebody.speak(language)
        assert check in somebody.heading
        assert "Complex regional" not in somebody.words
        assert "988" in somebody.crisis
        assert "hard times" not in somebody.crisis
    somebody.send()
    quotations: list[list[str]] = []
    for language, (_, title, gist) in reversed(LANGUAGES.items()):  # the page is already in the first one
        if somebody.heading != title:
            somebody.speak(language)
        assert somebody.heading == title
        for figure in somebody.page.locator("figure").all():
            assert figure.locator("blockquote[lang=en]").count() == 1
            assert figure.locator(".gist em").inner_text().startswith(gist)
        quotations.append(somebody.page.locator("blockquote").all_inner_texts())
    assert "Types of pains treated by ketamine therapy are as follows." in quotations[0]
    somebody.speak("en")
    assert somebody.heading == "Things to discuss with a clinician"
    assert quotations == [somebody.page.locator("blockquote").all_inner_texts()] * 3
    assert somebody.page.locator(".gist").count() == 0


@other_way
def test_another_language_on_an_interruption_stays_there(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.come(CARA, until="self_harm_thoughts")
    somebody.answer({"depression_told_by_clinician": "no", "self_harm_thoughts": "now"})
    somebody.go_on()
    somebody.saw()
    for language, words in {
        "es": "Gracias por decirnos esto. Usted merece apoyo ahora mismo.",
        "ht": "Mèsi paske ou di nou sa. Ou merite jwenn sipò kounye a menm.",
        "pt-BR": "Obrigado por nos contar. Você merece apoio agora mesmo.",
    }.items():
        somebody.speak(language)
        assert words in somebody.interrupted
        assert "Thank you" not in somebody.interrupted
    somebody.go_on()
    somebody.saw()
    assert somebody.page.locator("html").get_attribute("lang") == "pt-BR"
    assert somebody.asks("health_topics")


@other_way
def test_a_form_begun_in_another_language_speaks_it_to_the_end(devices: Devices, way: Way) -> None:
    somebody = devices(way).respondent()
    somebody.open()
    somebody.page.check("[name=info_only]")
    somebody.speak("es")
    assert somebody.holds("info_only") == ["true"]
    somebody.go_on()
    somebody.saw()
    somebody.fill_in(CARA)
    somebody.send()
    assert somebody.heading == LANGUAGES["es"][1]
    assert somebody.page.locator("html").get_attribute("lang") == "es"
