"""The product under cProfile, in CPU time, with its event loop and its database threads.

Responsible for: `python -m benchmarks.profiled OUT serve ...`, which runs app.cli, starts profiling on
SIGUSR1, so that startup is excluded, and writes OUT on termination; `listing` does all of that under load.
Never: measures speed, since profiling itself costs the most.
"""

import cProfile
import io
import pstats
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.load import Job, run
from benchmarks.serving import Server, ours

LINES = 60


def listing(
    folder: Path, job: Callable[[Server], Job], more: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Where a load of `job` spends its time, own time first. Excludes the time to prepare the job."""
    out = folder / "profile"
    with ours(folder / "ours", program=("benchmarks.profiled", str(out)), more=more) as server:
        asked = job(server)
        server.process.send_signal(signal.SIGUSR1)
        result = run(asked)
    text = io.StringIO()
    stats = pstats.Stats(str(out), stream=text).strip_dirs()
    stats.sort_stats("tottime").print_stats(LINES)
    stats.sort_stats("cumulative").print_stats(LINES)
    return f"{text.getvalue()}\n{result.answers} answers, {result.wrong} wrong"


def main(out: str, *words: str) -> None:
    """Run app.cli with these arguments."""
    profiles = [cProfile.Profile(time.thread_time)]

    def begin(*_: object) -> None:
        for other in profiles[1:]:  # they have been recording since their threads started
            other.clear()
        profiles[0].enable()

    def leave(*_: object) -> None:
        sys.exit(0)

    bare_run = threading.Thread.run

    def profiled_run(thread: threading.Thread) -> None:
        profiles.append(cProfile.Profile(time.thread_time))
        profiles[-1].runcall(bare_run, thread)

    threading.Thread.run = profiled_run  # type: ignore[assignment,method-assign]
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGTERM, leave)  # uvicorn shuts down first, then raises the signal again
    sys.argv = ["preconsult", *words]
    try:
        runpy.run_module("app.cli", run_name="__main__", alter_sys=True)
    finally:
        pstats.Stats(*profiles).dump_stats(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
