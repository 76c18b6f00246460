"""Writes docs/runbooks/trustlayer-*.md from their data: `python -m scripts.trustlayer.documents`."""

from __future__ import annotations

from pathlib import Path

from recovery.trustlayer.documents import all_documents

FOLDER = Path(__file__).parent.parent.parent / "docs" / "runbooks"


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in all_documents().items():
        (FOLDER / name).write_text(text)
        print(FOLDER / name)


if __name__ == "__main__":
    main()
