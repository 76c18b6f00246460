"""What the data plane adapters share: which credential, and SDK errors turned once into ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clouds.azure.role_ready import LOOK_AT_ROLES
from recovery.errors import DrError, Failed, Unobserved
from recovery.model import Json

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

_RETRY = frozenset({408, 429, 500, 502, 503, 504})


def endpoint_of(body: Mapping[str, Json], *path: str) -> str:
    """An endpoint from an ARM body (`properties` is the first step). Raises Unobserved when the body has none."""
    found: Json = body.get("properties") or {}
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        raise Unobserved(
            f"{body.get('id') or body.get('name') or 'the resource'} has no properties.{'.'.join(path)} yet",
            "its data cannot be reached without the endpoint that Azure gives it",
            "dr status    (is it still being created?)",
            retry=True,
        )
    return found


@contextmanager
def reading(what: str) -> Iterator[None]:
    """SDK errors inside mean that `what` could not be observed."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise _ours(Unobserved, what, error, "nothing can be concluded about it") from error


@contextmanager
def writing(what: str) -> Iterator[None]:
    """SDK errors inside mean that `what` failed."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise _ours(
            Failed, what, error, "it may or may not have been done; doing it again is safe"
        ) from error


def _ours(kind: type[DrError], what: str, error: AzureError, why: str) -> DrError:
    status = getattr(error, "status_code", None)
    denied = status in (401, 403)
    words = " ".join(str(error).split())[:300]
    return kind(
        f"{what}: {'denied' if denied else 'failed'} ({status or 'no answer'}) {words}",
        why,
        LOOK_AT_ROLES if denied else "run the same command again",
        retry=not denied and (status is None or status in _RETRY),
    )
