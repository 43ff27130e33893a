"""Crisis resources: who answers, by place. Local data: a crisis text never waits for a network.

Office: crisis.yaml's shapes and which resources a place is shown. Refuses: words (texts/<lang>.yaml).
"""

import datetime as dt

from pydantic import Field

from app.rules.rule import ResourceKind, Strict


class Resource(Strict):
    """One line that is staffed. `verified_on`: when somebody of the clinic last tried it; null = not yet."""

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
    """The resources that `{emergency}` and `{crisis}` stand for."""

    emergency: str
    crisis: str


class Crisis(Strict):
    resources: tuple[Resource, ...] = Field(min_length=1)
    primary: dict[str, Primary]

    def at(self, place: str) -> tuple[Resource, ...]:
        """The resources shown at `place` (as `US-FL-PBC`): its own and those of the places around it."""
        near = [each for each in self.resources if f"{place}-".startswith(f"{each.region}-")]
        return tuple(sorted(near, key=lambda each: each.order))

    def numbers(self, place: str) -> dict[str, str]:
        """What `{emergency}` and `{crisis}` read at `place`; empty when no place around it has any."""
        found = next((self.primary[region] for region in _around(place) if region in self.primary), None)
        by_id = {each.id: each for each in self.resources}
        if found is None or not {found.emergency, found.crisis} <= by_id.keys():
            return {}
        emergency, crisis = by_id[found.emergency], by_id[found.crisis]
        return {"emergency": emergency.call or "", "crisis": crisis.call or crisis.text or ""}


def _around(place: str) -> list[str]:
    parts = place.split("-")
    return ["-".join(parts[:size]) for size in range(len(parts), 0, -1)]
