"""The command line of the planted faults; the docstring of the package documents it."""

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from tests.mutants import __doc__ as described
from tests.mutants.catalogue import FAULTS
from tests.mutants.fault import Fault, problems
from tests.mutants.verdict import Verdict, controlled, decide
from tests.mutants.workspace import ROOT, workspace

LIMIT = 900.0  # seconds


def main() -> int:
    """Exit status: 0 if every fault was caught, 1 if one was not, 2 if the catalogue does not fit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that running tests are ended, too
    options = _options()
    checkout = options.checkout.resolve()
    chosen = _chosen(options.only)
    if options.list:
        for fault in chosen:
            _say(f"{fault.file}: {fault.name}" + (f" [{fault.only}]" if fault.only != "any" else ""))
        return 0
    misfits = list(_misfits(chosen, checkout))
    for line in misfits:
        _say(line)
    if misfits or not chosen:
        _say(f"{len(misfits)} problems in {len(chosen)} faults; nothing was run.")
        return 2
    if options.check:
        _say(f"All {len(chosen)} faults fit.")
        return 0
    verdicts = _decide(chosen, checkout, options)
    _summarise(verdicts)
    if options.json:
        found = [asdict(each) for each in verdicts]
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(each.outcome != "caught" for each in verdicts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=described,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--checkout", type=Path, default=ROOT, metavar="PATH")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _chosen(texts: Sequence[str]) -> list[Fault]:
    wanted = [text.lower() for text in texts] or [""]
    return [fault for fault in FAULTS if any(text in f"{fault.file} {fault.name}".lower() for text in wanted)]


def _misfits(faults: Sequence[Fault], checkout: Path) -> Iterator[str]:
    for name, times in Counter(fault.name for fault in faults).items():
        if times > 1:
            yield f"{name}: {times} faults have this name"
    for fault in faults:
        yield from (f"{fault.name}: {problem}" for problem in problems(fault, checkout))


def _decide(faults: Sequence[Fault], checkout: Path, options: argparse.Namespace) -> list[Verdict]:
    """The verdict on each fault; as many run in parallel as there are jobs."""
    waiting, verdicts, alone = SimpleQueue[Fault](), list[Verdict](), Lock()
    for fault in faults:
        waiting.put(fault)

    def work() -> None:
        with workspace(checkout) as own:
            while (fault := _next(waiting)) is not None:
                verdict = decide(own, fault, options.limit, whole=options.whole)
                with alone:
                    verdicts.append(verdict)
                    _say(f"[{len(verdicts)}/{len(faults)}] {_line(verdict)}")

    others = [Thread(target=work) for _ in range(options.jobs - 1)]
    for worker in others:
        worker.start()
    try:
        work()
    finally:  # after Ctrl-C the other jobs end with their current fault
        while _next(waiting) is not None:
            pass
        for worker in others:
            worker.join()
    _say("The tests that failed are run again without any fault ...")
    with workspace(checkout) as sound:
        found = controlled(sound, verdicts)
    return sorted(found, key=lambda each: faults.index(each.fault))


def _next(waiting: SimpleQueue[Fault]) -> Fault | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None


def _line(verdict: Verdict) -> str:
    by = f" by {verdict.test}" if verdict.test else ""
    note = f" ({verdict.note})" if verdict.note else ""
    return f"{verdict.outcome}{by}, {verdict.seconds:.0f} s: {verdict.fault.name}{note}"


def _summarise(verdicts: Sequence[Verdict]) -> None:
    counts = Counter(each.outcome for each in verdicts)
    _say(", ".join(f"{number} {outcome}" for outcome, number in counts.items()) + f" of {len(verdicts)}.")
    for verdict in verdicts:
        if verdict.outcome != "caught":
            _say(f"  {_line(verdict)}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
