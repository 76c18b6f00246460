"""Could we, now; how long would it take; could we come back? Looks alone, changes nothing (`dr precheck`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clouds.runbook.footprint import Footprint
from recovery.errors import DrError
from recovery.model import Json


@dataclass(frozen=True)
class Answer:
    """One question. says: yes, no or unknown. detail: with the figures."""

    question: str
    says: str
    detail: str


def quick(footprint: Footprint, name: str) -> dict[str, Json]:
    """What the checkpoint of a run records: the gates' and dials' own words, in seconds."""
    found: dict[str, Json] = {}
    for kind, stack in (("HealthGate", "active"), ("ReturnGate", "standby"), ("CosmosThroughput", "active")):
        seen = footprint.look(kind, stack)
        found[kind] = str(seen.get("observed")) + (f" ({seen['detail']})" if seen.get("detail") else "")
    return found


def asked(question: str, look: Callable[[], tuple[bool, str]]) -> Answer:
    """One look; what cannot be seen is unknown, with its reason."""
    try:
        good, detail = look()
    except DrError as error:
        return Answer(question, "unknown", error.summary)
    except Exception as error:  # noqa: BLE001 (a look that fails is an answer, never a yes)
        return Answer(question, "unknown", f"{type(error).__name__}: {error}")
    return Answer(question, "yes" if good else "no", detail)


def exit_of(answers: Mapping[str, Answer] | list[Answer]) -> int:
    """3 when something says no, 5 when something is unknown, else 0."""
    held = list(answers.values()) if isinstance(answers, Mapping) else answers
    said = {one.says for one in held}
    return 3 if "no" in said else 5 if "unknown" in said else 0
