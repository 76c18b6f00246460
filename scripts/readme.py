"""`make readme`: write the README's tables, docs/permissions.md and docs/footprint.md anew from the code."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from recovery.exit_codes import MEANING
from scripts.cli import VERBS

FOOTPRINT = Path(__file__).resolve().parent.parent / "docs" / "footprint.md"
README = Path(__file__).resolve().parent.parent / "README.md"


def tables() -> dict[str, str]:
    """Heading -> the table below it, as Markdown."""
    verbs = "".join(f"| `dr {verb}` | {text} |\n" for verb, (_, text) in VERBS.items())
    from recovery.readiness import registry

    codes = "".join(f"| {int(code)} | {text} |\n" for code, text in MEANING.items())
    return {
        "Commands": f"| command | what it does |\n|---|---|\n{verbs}",
        "Exit codes": f"| code | meaning |\n|---|---|\n{codes}",
        "What readiness asks": registry.table(),
    }


def rewritten(text: str) -> str:
    """The README with the first table below each of these headings replaced."""
    for heading, table in tables().items():
        pattern = re.compile(rf"(\n## {heading}\n\n)(?:\|[^\n]*\n)+")
        text = pattern.sub(lambda found, table=table: found.group(1) + table, text, count=1)  # type: ignore[misc]  # a default binds it
    return text


def footprint() -> str:
    """docs/footprint.md as the program makes it now. The subscription is a local cloud's: no id stands on the page."""
    from clouds.endpoints import LOCAL_SUBSCRIPTION
    from clouds.program import desired
    from recovery.footprint.page import page

    environ = {
        **{
            k: v
            for k, v in os.environ.items()
            if k not in ("DR_ENDPOINTS", "AWS_ACCOUNT_ID", "DR_FEDERATION_AUDIENCE")
        },
        "ARM_SUBSCRIPTION_ID": LOCAL_SUBSCRIPTION,
    }
    return page(*(desired(README.parent, stack, environ) for stack in ("standby", "active")))


def main() -> int:
    """Write the files when they differ."""
    from recovery.permissions import page

    page.main()
    text = footprint()
    if not FOOTPRINT.is_file() or FOOTPRINT.read_text(encoding="utf-8") != text:
        FOOTPRINT.write_text(text, encoding="utf-8")
        print("docs/footprint.md: written anew")
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    if after != before:
        README.write_text(after, encoding="utf-8")
        print("README.md: tables written anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
