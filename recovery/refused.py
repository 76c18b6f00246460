"""What a person reads when Azure refuses something that no command has words of its own for."""

from __future__ import annotations

from recovery.errors import DrError, Failed, Stopped, Unobserved


def azure_said_no(status: int, said: str) -> DrError:
    """In three parts. status: of HTTP, 0 where there was no answer at all."""
    stays = "the command ended there; what it did before stays done"
    if status in (401, 403):
        return Stopped(
            f"Azure denies it: {said}", stays,
            "dr doctor    (which role is missing: docs/permissions.md; a fresh one takes minutes to work)",
        )  # fmt: skip
    if status == 0 or status >= 500 or status in (408, 429):
        return Unobserved(
            f"Azure gave no usable answer: {said}",
            stays,
            "run the same command again    (status.azure.com)",
            retry=True,
        )
    return Failed(f"Azure refused it: {said}", stays, "dr drift -s standby    (is everything as declared?)")
