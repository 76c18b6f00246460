"""Where the data is: the primary's names from the stack's settings, Azure's from the declared resources."""

from __future__ import annotations

import json
from pathlib import Path

from clouds.program import stack_config
from recovery.sync.source import Source


def source_names(root: Path, stack: str) -> Source:
    """Section ``source`` of the stack's settings. Raises BadInput."""
    project, config, _ = stack_config(root, stack)
    return Source.of(json.loads(config.get(f"{project}:source", "{}")))
