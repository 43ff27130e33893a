"""Routes of the API: ordinary FastAPI handlers, described by their signature.

Responsible for: strict JSON bodies; checks of credentials and preconditions before the body is read; the
parameters and problems that a route's dependencies add to its OpenAPI description. Never: handles one route
differently from another.
"""

import warnings
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning

from app.errors import InvalidRequest, Problem
from app.web.http.request_body import JSON, read_value
from app.web.http.responses import BODY_PROBLEMS
from app.web.openapi.document import Responses, problems

Call = TypeVar("Call", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Description:
    """What a dependency or a handler adds to the description of a route.

    `check`: called with the request before the body is read, so that 401, 403, 412 and 428 come first.
    """

    raises: tuple[type[Problem], ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    responses: Responses = field(default_factory=dict)
    check: Callable[[Request], Any] | None = None


def describe(
    *raises: type[Problem],
    parameters: tuple[dict[str, Any], ...] = (),
    responses: Responses | None = None,
    check: Callable[[Request], Any] | None = None,
) -> Callable[[Call], Call]:
    """Decorator: a handler or dependency raises these problems and reads these parameters."""

    def decorate(call: Call) -> Call:
        call.description = Description(raises, parameters, responses or {}, check)  # type: ignore[attr-defined]
        return call

    return decorate


class ApiRoute(APIRoute):
    """A route whose request body is strict JSON and whose problems follow from its dependencies."""

    describe_problems = staticmethod(problems)

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        found = list(self._descriptions())
        raised = [kind for each in found for kind in each.raises]
        if self.body_field is not None:
            raised = [*BODY_PROBLEMS, *raised, InvalidRequest]
        described = self.describe_problems(*dict.fromkeys(raised))
        for each in found:
            described |= each.responses
        self.responses = described | self.responses
        parameters = [dict(each) for description in found for each in description.parameters]
        if parameters:
            self.openapi_extra = (self.openapi_extra or {}) | {"parameters": parameters}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, after the checks and with the parsed body."""
        handle = super().get_route_handler()
        checks = [each.check for each in self._descriptions() if each.check is not None]
        content = (self.openapi_extra or {}).get("requestBody", {}).get("content", {})
        accepted = sorted({JSON, *content}, key=lambda name: name != JSON)

        async def handler(request: Request) -> Response:
            for check in checks:
                found = check(request)
                if isawaitable(found):
                    await found
            if self.body_field is not None:
                self.build_body()
                request._json = await read_value(request, accepted)
            return await handle(request)

        return handler

    def build_body(self) -> None:
        """Build the validator of the body, which pydantic does at first use (`defer_build`).

        FastAPI suppresses a warning about the alias it gives to the body where it expects the build, in the
        constructor; this is where it happens.
        """
        adapter = self.body_field._type_adapter if self.body_field else None
        if adapter is not None and not adapter.pydantic_complete:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
                adapter.rebuild()

    def _descriptions(self) -> Iterator[Description]:
        """Return the descriptions of the handler and all its dependencies, dependencies first."""
        for call in (*_calls(self.dependant), self.endpoint):
            found = getattr(call, "description", None)
            if isinstance(found, Description):
                yield found


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        yield from _calls(each)
        if each.call is not None:
            yield each.call
