"""What the routes of the API depend on: services, principals, preconditions, idempotency keys.

Responsible for: the types that handlers name in their signatures. Never: knows a resource.
"""

from typing import Annotated, Any, cast

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPBearer
from fastapi.security.base import SecurityBase

from app import errors
from app.services.auth.authorization import ApiClient, Principal, require_permission, require_scope
from app.services.auth.permissions import Permission
from app.services.idempotency import Claim
from app.web.dependencies import Services, get_services, request_id
from app.web.http import content_negotiation
from app.web.http.api_route import Description, describe
from app.web.http.responses import IDEMPOTENCY_KEY_PATTERN
from app.web.openapi.document import (
    ACCEPT_LANGUAGE,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    UNCHANGED,
)

API_KEY = HTTPBearer(scheme_name="api_key", description="`pc_live_…` or `pc_test_…`.", auto_error=False)
ACCESS_TOKEN = HTTPBearer(
    scheme_name="access_token", description="`pcr_…`: opens one submission.", auto_error=False
)

AUTHENTICATION = (errors.Unauthenticated, errors.Forbidden, errors.Unavailable)

# FastAPI runs a dependency that is not a coroutine in a thread, so all of these are.


async def current_services(request: Request) -> Services:
    """Return the services of the application."""
    return get_services(request)


async def current_request_id(request: Request) -> str:
    """Return the id of the request."""
    return request_id(request)


CurrentServices = Annotated[Services, Depends(current_services)]
RequestId = Annotated[str, Depends(current_request_id)]


async def authenticate(request: Request) -> Principal:
    """Return the principal of a request. Raises Unauthenticated, Forbidden, TooManyRequests."""
    return await get_services(request).authenticator.authenticate(request)


class Authenticated(SecurityBase):
    """The principal of the request, whatever it may do; documented as an API key. Raises Unauthenticated."""

    def __init__(self) -> None:
        self.model, self.scheme_name = API_KEY.model, API_KEY.scheme_name
        self.description = Description(AUTHENTICATION, check=self)

    async def __call__(self, request: Request) -> Principal:
        """Return the principal."""
        return await authenticate(request)


class RequireScope(Authenticated):
    """An API client whose key has one of these scopes. Raises Unauthenticated and Forbidden."""

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self._scopes = scopes

    async def __call__(self, request: Request) -> ApiClient:
        """Return the API client."""
        return require_scope(await authenticate(request), *self._scopes)


class RequirePermission(Authenticated):
    """A principal with this permission. Raises Unauthenticated and Forbidden."""

    def __init__(self, permission: Permission) -> None:
        super().__init__()
        self._permission = permission

    async def __call__(self, request: Request) -> Principal:
        """Return the principal."""
        principal = await authenticate(request)
        require_permission(principal, self._permission)
        return principal


@describe(*AUTHENTICATION, check=authenticate)
async def any_principal(
    request: Request,
    _key: Annotated[Any, Security(API_KEY)],
    _token: Annotated[Any, Security(ACCESS_TOKEN)],
) -> Principal:
    """Return the API client or respondent. Raises Unauthenticated and Forbidden."""
    return await authenticate(request)


AnyPrincipal = Annotated[Principal, Depends(any_principal)]


@describe(
    errors.PreconditionRequired,
    errors.PreconditionFailed,
    errors.InFlight,
    parameters=(IF_MATCH,),
    check=content_negotiation.if_match,
)
async def if_match(request: Request) -> int | None:
    """Return the version in If-Match, None for `*`. Raises PreconditionRequired and PreconditionFailed."""
    return content_negotiation.if_match(request)


IfMatch = Annotated[int | None, Depends(if_match)]


class Conditional:
    """A response that is 304 when the client has this ETag already."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def has(self, tag: str) -> bool:
        """Return whether the client has this ETag."""
        return content_negotiation.unchanged(self._request, tag)

    def respond(self, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
        """Return the content, or 304; `headers` contains its ETag."""
        return content_negotiation.conditional(self._request, content, media_type, headers)


@describe(parameters=(IF_NONE_MATCH,), responses=UNCHANGED)
async def conditional(request: Request) -> Conditional:
    """Return what answers 304 when the client has the content already."""
    return Conditional(request)


ConditionalResponse = Annotated[Conditional, Depends(conditional)]


class AcceptedLanguages:
    """The languages that the client prefers."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def choose(self, edition: Any) -> str:
        """Return the language of an edition that the client prefers, else its first."""
        return content_negotiation.language(self._request, edition)


@describe(parameters=(ACCEPT_LANGUAGE,))
async def accepted_languages(request: Request) -> AcceptedLanguages:
    """Return the languages that the client prefers."""
    return AcceptedLanguages(request)


Languages = Annotated[AcceptedLanguages, Depends(accepted_languages)]


class IdempotencyKey:
    """The claim of an Idempotency-Key on one act: method, path and body; None without the header.

    `resource` separates the keys of resources that are not submissions. Raises InvalidRequest.
    """

    def __init__(self, act: str, *, resource: str = "") -> None:
        self._act, self._suffix = act.encode() + b"\n", f" {resource}" if resource else ""
        self.description = Description(
            (errors.InFlight, errors.Gone, errors.IdempotencyKeyReused), (IDEMPOTENCY_KEY,)
        )

    async def __call__(self, request: Request) -> Claim | None:
        """Return the claim."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return None
        if not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
            detail = "An Idempotency-Key has 8 to 255 visible ASCII characters, and no space."
            raise errors.InvalidRequest(detail)
        client = cast(ApiClient, await authenticate(request))
        return Claim.from_request(f"{client.key.id}{self._suffix}", key, self._act + await request.body())
