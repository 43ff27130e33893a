"""The product under cProfile, on CPU time, its event loop and its database threads together.

Office: `python -m benchmarks.profiled OUT serve ...` runs app.cli, begins on SIGUSR1, so that start-up is
not looked at, and writes OUT when it is told to end; `listing` does all of that under load. Refuses: to be
read as speed, since profiling itself costs the most.
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
    """What a load of `job` spends its time on, own time first. What making the job takes is left out."""
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
    """Be app.cli with these words."""
    profiles = [cProfile.Profile(time.thread_time)]

    def begin(*_: object) -> None:
        for other in profiles[1:]:  # they have run since their threads began
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
    signal.signal(signal.SIGTERM, leave)  # uvicorn shuts down first, then hands the signal on
    sys.argv = ["preconsult", *words]
    try:
        runpy.run_module("app.cli", run_name="__main__", alter_sys=True)
    finally:
        pstats.Stats(*profiles).dump_stats(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
