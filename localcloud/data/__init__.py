"""The local cloud's data plane: real storage, documents and functions behind doors that behave as Azure's do."""

from __future__ import annotations

from localcloud.data.plane import DataPlane, start

__all__ = ["DataPlane", "start"]
