"""Which container images are published: every one by digest, but those that a rehearsal takes away."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aiohttp import web

BY_DIGEST = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")


@dataclass
class Images:
    """unpublished: regular expressions of images that no registry has."""

    unpublished: list[str] = field(default_factory=list)

    def published(self, image: str) -> bool:
        """Whether a registry answers for this image. One that is not named by digest is nobody's."""
        return bool(BY_DIGEST.fullmatch(image)) and not any(re.search(p, image) for p in self.unpublished)

    async def control(self, request: web.Request) -> web.StreamResponse:
        """``GET``, ``PUT /_local/images``: ``{"unpublished": ["standby@"]}``."""
        if request.method == "PUT":
            patterns = [str(p) for p in (await request.json())["unpublished"]]
            for pattern in patterns:
                re.compile(pattern)
            self.unpublished = patterns
        return web.json_response({"unpublished": self.unpublished})
