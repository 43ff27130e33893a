"""Base class of the periodic jobs.

Responsible for: running each action and logging its failure, at a limited rate. Never: knows what an action
does.
"""

from collections.abc import Awaitable, Callable

from app.logging import error_location, log
from app.services.events.audit_chain import ChainBroken


class PeriodicJob:
    """A job of several actions: each runs even if the others fail, and repeated failures are logged only
    now and then.
    """

    _quiet = 0

    async def _all(self, *acts: Callable[[], Awaitable[None]]) -> None:
        well = [await self._try(act) for act in acts]
        self._quiet = 0 if all(well) else (self._quiet + 1) % LOG_EVERY_N_FAILURES

    async def _try(self, what: Callable[[], Awaitable[None]]) -> bool:
        try:
            await what()
        except Exception as error:
            if self._quiet == 0 and isinstance(error, ChainBroken):
                log.error("audit_chain_broken", at=error_location(error))
            elif self._quiet == 0:
                log.error("job_failed", error=type(error).__name__, at=error_location(error))
            return False
        return True


LOG_EVERY_N_FAILURES = 60  # runs between two log lines for the same failure
