"""ARM's error answers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


class ArmError(Exception):
    """An answer that is an error: HTTP status, ARM code, message; headers where the service sends some."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def answer(self) -> web.Response:
        """The HTTP response, in ARM's shape."""
        return web.json_response(
            {"error": {"code": self.code, "message": self.message}}, status=self.status, headers=self.headers
        )


def not_found(resource: str, group: str | None) -> ArmError:
    """The resource is not there. resource: ``Type/name/Type/name`` as ARM prints it."""
    where = f" under resource group '{group}'" if group else ""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource}'{where} was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(group: str) -> ArmError:
    """The resource group is not there."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def bad_request(message: str, code: str = "BadRequest") -> ArmError:
    """A request that the service refuses to understand or allow."""
    return ArmError(400, code, message)
