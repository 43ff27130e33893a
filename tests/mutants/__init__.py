"""Planted faults: they show that the test suite detects what it is meant to detect.

    python -m tests.mutants [options]       or: python3 dev.py mutants [options]

A catalogue (faults_*.py) names faults in app/ and migrations/, each with the tests that have to fail with
it. The runner plants one fault at a time in a temporary copy of the tracked files and runs those tests. A
fault is caught if one of them fails with it and, in one run of all such tests at the end, passes without
any fault. Exit status 0 only if all were caught.

    --list            name the faults and run nothing
    --check           only verify that each fault still fits the code and that its tests exist (fast)
    --only TEXT       faults whose name or file contains this text; may be given several times
    --checkout PATH   run against another checkout, with its own .venv if it has one
    --jobs N          faults tested at the same time, each in its own copy
    --limit SECONDS   time for the tests of one fault; three times as long if the fault is marked slow
    --whole           run the whole suite for a fault that its own tests did not catch
    --json FILE       also write the results there

The report says `caught`; `SURVIVED`; `unsound`, if the test that failed also fails without the fault;
`undecided`, if no test came to a verdict (collection error, internal error, time limit). An error while
tests are collected never counts as caught.

A new fault: copy its `find` text from the code (it must occur exactly once in the file), write the
replacement and name one to four tests, as files or as `file::test_name` without parameters. Run it with
`--only`. A rename of code or tests that breaks an entry is found by `--check`, which is part of linting.
"""
