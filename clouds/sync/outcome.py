"""What one flow's run came to, as data: what the record keeps, the text says and the exit code is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from recovery.exit_codes import ExitCode
from recovery.model import Json


@dataclass
class Proof:
    """A comparison at a named cut (Definitions: Proofs). cut: UTC. population: items in the source at the cut.

    compared < population is a sample. later: items written after the cut, reported apart. differing: the first
    hundred. notes: the other things that the proof needs, each with its result.
    """

    name: str
    cut: str
    equal: int = 0
    compared: int = 0
    population: int = 0
    later: int = 0
    holds: bool = False
    differing: list[str] = field(default_factory=list)
    notes: dict[str, Json] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """Confirmed %, by the point estimate; 0 when nothing was looked at."""
        return 100 * self.equal / self.compared if self.compared else 0.0


@dataclass
class Outcome:
    """One flow. counts: whole numbers by name. errors: in words (the first thousand)."""

    flow: str
    direction: str
    epoch: int = 0
    started: str = ""
    seconds: float = 0.0
    dry_run: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    refused: str = ""
    would: list[str] = field(default_factory=list)
    divergence: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    data_age_seconds: float | None = None

    @property
    def code(self) -> ExitCode:
        """Success only when nothing was wrong and every proof holds."""
        if self.errors or self.counts.get("errors"):
            return ExitCode.FAILED
        if self.refused:
            return ExitCode.STOPPED
        if any(not proof.holds for proof in self.proofs):
            return ExitCode.FINDING
        return ExitCode.CLEAN

    def to_json(self) -> dict[str, Json]:
        """For the run record and --format json."""
        made = asdict(self) | {"exitCode": int(self.code)}
        for proof, one in zip(self.proofs, made["proofs"], strict=True):
            one["percent"] = round(proof.percent, 3)
        return made
