"""Crisis resources by place. The data is local, so a crisis text never waits for a network.

Responsible for: the models of crisis.yaml, and which resources are shown for a place.
Never: contains texts (they are in texts/<lang>.yaml).
"""

import datetime as dt

from pydantic import Field

from app.rules.engine.rule import ResourceKind, Strict


class Resource(Strict):
    """One staffed service. `verified_on`: when the clinic's staff last tried it; null means not yet."""

    id: str
    kind: ResourceKind
    region: str
    order: int
    call: str | None
    text: str | None
    chat_url: str | None
    access: str | None = None
    hours: str
    languages: tuple[str, ...]
    source: str | None
    source_url: str | None
    verified_on: dt.date | None
    review_by: dt.date


class Primary(Strict):
    """The resources whose numbers replace `{emergency}` and `{crisis}`."""

    emergency: str
    crisis: str


class Crisis(Strict):
    resources: tuple[Resource, ...] = Field(min_length=1)
    primary: dict[str, Primary]

    def at(self, place: str) -> tuple[Resource, ...]:
        """Return the resources of `place` (for example `US-FL-PBC`) and the regions around it, in order."""
        near = [each for each in self.resources if f"{place}-".startswith(f"{each.region}-")]
        return tuple(sorted(near, key=lambda each: each.order))

    def numbers(self, place: str) -> dict[str, str]:
        """Return the values of `{emergency}` and `{crisis}` at `place`; empty if no region has them.

        They come from `place` itself or from the nearest region around it that has any.
        """
        found = next((self.primary[region] for region in _around(place) if region in self.primary), None)
        by_id = {each.id: each for each in self.resources}
        if found is None or not {found.emergency, found.crisis} <= by_id.keys():
            return {}
        emergency, crisis = by_id[found.emergency], by_id[found.crisis]
        return {"emergency": emergency.call or "", "crisis": crisis.call or crisis.text or ""}


def _around(place: str) -> list[str]:
    parts = place.split("-")
    return ["-".join(parts[:size]) for size in range(len(parts), 0, -1)]
