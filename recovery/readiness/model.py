"""The data of a readiness run: checks, evidence, judgements, results. Nothing here looks at the world.

A check is ready only when evidence says so. Evidence that is absent, denied or of another shape than expected is
unknown: a green report that is wrong is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recovery.exit_codes import ExitCode
from recovery.model import Json, Severity


class Verdict(StrEnum):
    """What a check says."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"


class UnseenError(Exception):
    """Something could not be observed; the text says what and why. Always the verdict unknown."""


@dataclass(frozen=True)
class Facts:
    """Evidence, read strictly: what is not there, or is something else, raises UnseenError. There are no defaults."""

    data: Mapping[str, Json]

    def _get(self, name: str) -> Json:
        if name not in self.data:
            raise UnseenError(f"the evidence does not say {name}")
        return self.data[name]

    def flag(self, name: str) -> bool:
        """A boolean."""
        found = self._get(name)
        if not isinstance(found, bool):
            raise UnseenError(f"{name} is {found!r}, no yes or no")
        return found

    def number(self, name: str) -> float:
        """A finite number."""
        found = self._get(name)
        if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
            raise UnseenError(f"{name} is {found!r}, no number")
        return float(found)

    def whole(self, name: str) -> int:
        """A whole number."""
        found = self.number(name)
        if found != int(found):
            raise UnseenError(f"{name} is {found!r}, no whole number")
        return int(found)

    def text(self, name: str) -> str:
        """A text, which may be empty."""
        found = self._get(name)
        if not isinstance(found, str):
            raise UnseenError(f"{name} is {found!r}, no text")
        return found

    def words(self, name: str) -> list[str]:
        """A list of texts."""
        found = self._get(name)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise UnseenError(f"{name} is {found!r}, no list of texts")
        return list(found)

    def rows(self, name: str) -> list[Facts]:
        """A list of objects."""
        found = self._get(name)
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise UnseenError(f"{name} is {found!r}, no list of objects")
        return [Facts(one) for one in found]

    def part(self, name: str) -> Facts:
        """An object."""
        found = self._get(name)
        if not isinstance(found, Mapping):
            raise UnseenError(f"{name} is {found!r}, no object")
        return Facts(found)


@dataclass(frozen=True)
class Judgement:
    """sentence: what was found, with the figures. fix: a better command than the check's own ("" = the check's)."""

    verdict: Verdict
    sentence: str
    fix: str = ""


def ready(sentence: str) -> Judgement:
    """It is as it must be."""
    return Judgement(Verdict.READY, sentence)


def not_ready(sentence: str, fix: str = "") -> Judgement:
    """It was seen, and it is not as it must be."""
    return Judgement(Verdict.NOT_READY, sentence, fix)


def unknown(sentence: str, fix: str = "") -> Judgement:
    """It could not be seen."""
    return Judgement(Verdict.UNKNOWN, sentence, fix)


Judge = Callable[[Facts], Judgement]


@dataclass(frozen=True)
class Check:
    """One question.

    id: short, stable, also the key of its probe. requirement: id in the requirements. severity: would the activation
    break? proves: what a `ready` means. fix: the command, or an imperative sentence. fault: a fault that this check
    alone finds, in words (the tests inject it). limit: real seconds that its probe may take. asks: what it reads.
    """

    id: str
    requirement: str
    severity: Severity
    title: str
    proves: str
    fix: str
    fault: str
    judge: Judge
    limit: float = 30.0
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What a probe brought back: evidence, or the reason why there is none. seconds: how long it took."""

    evidence: Mapping[str, Json] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """One check of one run. fix: "" where nothing is to be mended."""

    id: str
    requirement: str
    severity: str
    title: str
    verdict: Verdict
    sentence: str
    fix: str
    seconds: float
    evidence: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """For the kept run and `--format json`."""
        return {
            "id": self.id, "requirement": self.requirement, "severity": self.severity, "title": self.title,
            "verdict": str(self.verdict), "sentence": self.sentence, "fix": self.fix,
            "seconds": round(self.seconds, 3), "evidence": dict(self.evidence),
        }  # fmt: skip

    @classmethod
    def from_json(cls, raw: Mapping[str, Json]) -> Result:
        """Raises KeyError, ValueError or TypeError for what is no result."""
        return cls(
            str(raw["id"]), str(raw["requirement"]), str(raw["severity"]), str(raw["title"]), Verdict(raw["verdict"]),
            str(raw["sentence"]), str(raw["fix"]), float(raw["seconds"]), dict(raw["evidence"]),
        )  # fmt: skip


def judged(check: Check, seen: Seen) -> Result:
    """Apply a check's judge. What could not be seen, or not understood, is unknown with its reason."""
    try:
        if seen.reason:
            raise UnseenError(seen.reason)
        if absent := seen.evidence.get("doesNotExist"):
            said = not_ready(f"a part of the footprint does not exist: {absent}", "dr drift -s standby")
        else:
            said = check.judge(Facts(seen.evidence))
    except UnseenError as missing:
        said = unknown(str(missing))
    fix = "" if said.verdict is Verdict.READY else said.fix or check.fix
    if said.verdict is Verdict.UNKNOWN and not said.fix:
        fix = unseen_fix(said.sentence)
    return Result(
        check.id, check.requirement, str(check.severity), check.title, said.verdict, said.sentence, fix, seen.seconds,
        dict(seen.evidence),
    )  # fmt: skip


def unseen_fix(reason: str) -> str:
    """What helps where something could not be seen: a permission where it was denied, else another look."""
    low = reason.lower()
    if "403" in low or "401" in low or "denied" in low or "authorization" in low:
        return "dr doctor    (a permission is missing, or has not come into force yet)"
    return "dr ready    (again; dr doctor says what cannot be reached from here)"


def exit_code(verdicts: list[Verdict]) -> ExitCode:
    """3 when something is not ready, else 5 when something is unknown or nothing was asked, else 0."""
    if Verdict.NOT_READY in verdicts:
        return ExitCode.FINDING
    if not verdicts or Verdict.UNKNOWN in verdicts:
        return ExitCode.UNOBSERVED
    return ExitCode.CLEAN
