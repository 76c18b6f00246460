"""`make readme`: write the README's tables and the generated pages of docs/ (permissions, footprint, requirements) anew."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from recovery.exit_codes import MEANING
from recovery.requirements import IMAGE_APP, TRUSTLAYER, Requirement
from scripts.cli import VERBS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
FOOTPRINT = ROOT / "docs" / "footprint.md"
DOCUMENT = ROOT / "docs" / "requirements.md"


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


def document() -> str:
    """docs/requirements.md: every requirement, and the command that shows it."""

    def table(requirements: tuple[Requirement, ...]) -> str:
        rows = "".join(f"| {one.id} | {one.what} | `{one.shown_by}` |\n" for one in requirements)
        return f"| id | what must hold | shown on the local cloud by |\n|---|---|---|\n{rows}"

    return (
        "# Requirements\n\n"
        "Generated from `recovery/requirements.py` by `make readme`. Each id also stands in the docstring of the tests "
        "that fail when it is broken: `grep -rl ACT-4 tests` finds them, and a test sees to it that there are some.\n\n"
        f"## Site image-app (AWS → Azure)\n\n{table(IMAGE_APP)}\n"
        f"## Site trustlayer (us-east-1 → us-west-2)\n\n{table(TRUSTLAYER)}"
    )


def main() -> int:
    """Write the files that differ."""
    from recovery.permissions import page

    page.main()
    text = footprint()
    if not FOOTPRINT.is_file() or FOOTPRINT.read_text(encoding="utf-8") != text:
        FOOTPRINT.write_text(text, encoding="utf-8")
        print("docs/footprint.md: written anew")
    if not DOCUMENT.is_file() or DOCUMENT.read_text(encoding="utf-8") != document():
        DOCUMENT.write_text(document(), encoding="utf-8")
        print("docs/requirements.md: written anew")
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    if after != before:
        README.write_text(after, encoding="utf-8")
        print("README.md: tables written anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
