"""The fixtures of the sync's tests: these tests need both clouds too."""

from tests.clouds.sync.conftest import both, site

__all__ = ["both", "site"]
