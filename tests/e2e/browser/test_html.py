"""The HTML checks find planted mistakes, and pass a page without any."""

from tests.e2e.browser.html import complaints

CLEAN = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>One question</title>
<link rel="stylesheet" href="/static/page.css">
</head>
<body>
<main>
<h1 id="top">One question</h1>
<form method="post">
<label for="name">Your name</label>
<input type="text" id="name" name="name">
<button type="submit">Go on</button>
</form>
<p>Or call <a href="tel:988">988</a>.<br><img src="/static/phone.png" alt="A telephone"></p>
</main>
</body>
</html>
"""


FAULTS = {  # the original text, the mistake planted in its place, and the rule that finds it
    "an id twice": ("<p>", '<p id="top">', "no-dup-id"),
    "a section left open": ("<p>", "<section><h2>Or</h2><p>", "close-order"),
    "a paragraph left open": ("</p>", "", "no-implicit-close"),
    "a label for nothing": ('for="name"', 'for="nom"', "no-missing-references"),
    "a label for a heading": ('for="name"', 'for="top"', "valid-for"),
    "a field without label": ('<label for="name">Your name</label>', "", "input-missing-label"),
    "a picture without alt": (' alt="A telephone"', "", "wcag/h37"),
    "a page without language": (' lang="en"', "", "element-required-attributes"),
    "a step in headings": ("<p>", "<h3>Or</h3><p>", "heading-level"),
    "an unknown element": ("<br>", "<breek></breek>", "element-name"),
    "an inline style": ("<p>", '<p style="color: red">', "no-inline-style"),
}


def test_a_clean_page_passes() -> None:
    assert complaints({"clean": CLEAN}) == []


def test_every_planted_fault_is_found_where_it_is_and_nowhere_else() -> None:
    assert all(there in CLEAN for there, _, _ in FAULTS.values())
    planted = {f"/{name}?": CLEAN.replace(there, fault) for name, (there, fault, _) in FAULTS.items()}
    told = complaints({"clean": CLEAN, **planted})
    for name, (_, _, rule) in FAULTS.items():
        assert any(each.startswith(f"/{name}?:") and each.endswith(f"[{rule}]") for each in told), told
    assert not any(each.startswith("clean:") for each in told)
