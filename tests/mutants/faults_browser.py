"""Faults that only a browser shows: scripts, style sheets, markup for assistive technology, frames, print."""

from tests.mutants.fault import Fault

STATIC = "app/web/static/"

FAULTS = (
    Fault(
        "Ticking `none of these` leaves the other options ticked",
        STATIC + "form.js",
        'if (other !== target && (alone || "exclusive" in other.dataset)) other.checked = false;',
        "if (other === target && !alone) other.checked = true;",
        (
            "tests/e2e/browser/test_returning.py::test_an_option_that_goes_with_no_other_is_never_kept_beside_one",
        ),
        only="browser",
    ),
    Fault(
        "A question that an answer on the same page brings up does not appear",
        STATIC + "form.js",
        "      field.hidden = !asked;\n",
        "",
        (
            "tests/e2e/browser/test_embed.py::test_questions_that_appear_make_the_frame_higher_at_once",
            "tests/e2e/browser/test_errors.py::test_a_name_a_number_and_an_address",
        ),
        only="browser",
    ),
    Fault(
        "The secret of a link to come back stays in the address and the history of the browser",
        STATIC + "form.js",
        '  history.replaceState(null, "", resume.getAttribute("action"));\n',
        "",
        (
            "tests/e2e/browser/test_private_pages.py::test_a_link_back_in_leaves_neither_request_nor_history",
            "tests/e2e/browser/test_handoff.py",
        ),
        only="browser",
    ),
    Fault(
        "Answers that were not sent are lost without a warning",
        STATIC + "form.js",
        '"beforeunload", (event) => { if (dirty) event.preventDefault(); });\n  ask();',
        '"beforeunload", (event) => { if (!dirty) return; });\n  ask();',
        ("tests/e2e/browser/test_returning.py::test_with_scripts_answers_that_are_not_saved_are_warned_of",),
        only="browser",
    ),
    Fault(
        "Leaving a form in a frame leaves the clinic's page on the screen",
        STATIC + "form.js",
        "      window.top.location.replace(new URL(leave.dataset.leave, location.href));\n",
        "",
        (
            "tests/e2e/browser/test_embed.py::test_the_header_is_slim_in_a_frame_and_leaving_takes_the_whole_page_away",
        ),
        only="browser",
    ),
    Fault(
        "Any frame on the clinic's page says how high the form is",
        STATIC + "embed.js",
        "if (frame.contentWindow !== source || new URL(frame.src).origin !== origin) continue;",
        "if (!source || !origin) continue;",
        ("tests/e2e/browser/test_embed.py::test_nobody_but_the_form_says_how_high_its_frame_is",),
        only="browser",
    ),
    Fault(
        "A key moves past every second case of the queue",
        STATIC + "staff.js",
        "    j: () => move(1),",
        "    j: () => move(2),",
        ("tests/e2e/browser/test_workbench.py::test_the_queue_is_worked_by_keys",),
        only="browser",
    ),
    Fault(
        "In the example form an unknown answer counts as no",
        STATIC + "examples/own-form.js",
        "return inner === null ? null : !inner; }",
        "return !inner; }",
        (
            "tests/e2e/browser/test_own_form.py::test_a_condition_means_in_the_page_what_it_means_in_the_service",
        ),
        only="browser",
    ),
    Fault(
        "Somebody who works with the keyboard does not see where they are",
        STATIC + "form.css",
        "summary:focus-visible { outline: 3px solid var(--text);",
        "summary:focus-visible { outline: 0 solid var(--text);",
        ("tests/e2e/browser/test_keyboard.py",),
        only="browser",
    ),
    Fault(
        "A printed summary shows buttons instead of words",
        STATIC + "form.css",
        ".leave, .keeping, .ways, .skip, .unreviewed + .ways { display: none; }",
        ".leave, .ways, .skip, .unreviewed + .ways { display: none; }",
        ("tests/e2e/browser/test_print.py",),
        only="browser",
    ),
    Fault(
        "Options on a phone are too low to be hit with a thumb",
        STATIC + "form.css",
        "gap: .75rem; min-block-size: 48px; padding: .5rem .75rem; margin-block: 0 .5rem;",
        "gap: .75rem; min-block-size: 20px; padding: 0 .75rem; margin-block: 0 .5rem;",
        ("tests/e2e/browser/test_accessible.py",),
        only="browser",
        slow=True,
    ),
    Fault(
        "A screen reader does not say what is wrong with a field",
        "app/web/templates/macros.html",
        "{% if ids %} aria-describedby=\"{{ ids | join(' ') }}\"{% endif %}",
        "",
        ("tests/e2e/browser/test_errors.py",),
        only="browser",
    ),
    Fault(
        "A text field of the form has no label",
        "app/web/templates/macros.html",
        '{% else %}<label for="{{ field.id }}">{{ field.text }}</label>{% endif %}',
        "{% else %}<span>{{ field.text }}</span>{% endif %}",
        ("tests/e2e/browser/test_accessible.py",),
        only="browser",
        slow=True,
    ),
    Fault(
        "The list of what is wrong on a page does not get the focus",
        "app/web/templates/macros.html",
        '<div class="errors" role="alert" tabindex="-1" autofocus>',
        '<div class="errors" role="alert">',
        ("tests/e2e/browser/test_errors.py::test_the_box_that_must_be_ticked",),
        only="browser",
    ),
    Fault(
        "A member of staff who cannot see does not learn which field the assignee is chosen in",
        "app/web/templates/staff/case_rail.html",
        '<label for="assignee">With</label>',
        "<span>With</span>",
        (
            "tests/e2e/browser/test_workbench.py::test_every_page_reads_well_at_every_width_and_keeps_nobody_out",
        ),
        only="browser",
    ),
)
