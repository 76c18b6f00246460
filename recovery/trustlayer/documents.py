"""Runbook documents in the plan's structure (TL-6), rendered from the data: the five levels, and Database Down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.runbook.path import critical_path
from recovery.runbook.render import markdown
from recovery.runbook.steps import Runbook
from recovery.trustlayer.failback import LEVELS, back
from recovery.trustlayer.runbooks import book


@dataclass(frozen=True)
class Escalation:
    """Who is called when service is not restored after so many minutes."""

    minutes: int
    who: str


@dataclass(frozen=True)
class Option:
    """One way to resolve it. first: when it is the one to take."""

    title: str
    first: str
    commands: Sequence[str]


@dataclass(frozen=True)
class Document:
    """The seven parts of the structure. severity: P1 to P4. minutes: (least, most) to resolve it."""

    id: str
    title: str
    severity: str
    impact: str
    minutes: tuple[int, int]
    symptoms: Sequence[str]
    diagnosis: Sequence[str]
    options: Sequence[Option]
    verification: Sequence[str]
    escalation: Sequence[Escalation]


_CHAIN = (Escalation(5, "SRE On-Call"), Escalation(15, "Engineering Lead"), Escalation(30, "CTO"))
_SERVING = ("The public /healthz answers 200", "Requests are mostly 200 again", "Users can sign in")

DATABASE_DOWN = Document(
    "trustlayer-database-down", "Database Down", "P1", "High: the system is unavailable", (15, 30),
    ("The API answers 503 (it answered 500 before it was taught to say so)", "Its logs say: connection refused", "The database's own health check fails"),
    ("dr assess", "kubectl get pods -l app=trustlayer-db -n trustlayer", "kubectl logs -l app=trustlayer-db -n trustlayer --tail=100", 'psql -h HOST -U postgres -c "SELECT 1"'),
    (
        Option("A: restart", "the volume is there and the server was killed or hangs: nothing is promoted, nothing is lost",
               ("kubectl rollout restart deployment/trustlayer-db-a -n trustlayer", "kubectl rollout status deployment/trustlayer-db-a -n trustlayer")),
        Option("B: fail over to a replica", "the server does not come back within five minutes: irreversible, behind a fence, confirmed", ("dr recover --level 2",)),
        Option("C: restore from backup", "the data itself is gone everywhere: everything after the backup is lost", ("dr backup list", "dr recover --level 5 --date YYYYMMDD")),
    ),
    ('`psql -c "SELECT 1"` succeeds', *_SERVING), (Escalation(5, "SRE On-Call"), Escalation(15, "Database Admin"), Escalation(30, "Engineering Lead")),
)  # fmt: skip

_LEVELS: Mapping[int, tuple[str, str, Sequence[str]]] = {
    1: ("P3", "Low: fewer pods carry the load", ("A pod is not Ready", "The others answer")),
    2: (
        "P1",
        "High: writes or all requests fail",
        ("/healthz answers 503", "No database takes writes, or no pod of the API is Ready"),
    ),
    3: (
        "P1",
        "Medium: a third of the capacity is gone; writes fail if the primary stood there",
        ("No node of one zone is Ready", "Pods of that zone do not answer"),
    ),
    4: (
        "P1",
        "High: the system is unavailable",
        ("Neither the cluster, nor AWS's endpoint, nor a database of us-east-1 answers",),
    ),
    5: ("P1", "High: the data is lost", ("The tables are gone or wrong in every database that answers",)),
}


def of_level(level: int) -> Document:
    """The document of a level, from its runbook."""
    runbook = book(level)
    severity, impact, symptoms = _LEVELS[level]
    date = " --date YYYYMMDD" if level == 5 else " --zone ZONE" if level == 3 else ""
    option = Option(
        f"the runbook `{runbook.id}`", "`dr assess` names this level", (f"dr recover --level {level}{date}",)
    )
    return Document(
        f"trustlayer-level-{level}", runbook.title.removeprefix("TrustLayer "), severity, impact,
        (max(1, round(critical_path(runbook).seconds / 60)), round(runbook.plan_seconds[0] / 60)), symptoms, ("dr assess",), (option,), _SERVING, _CHAIN,
    )  # fmt: skip


def of_back(level: int) -> Document:
    """The document of a failback, from its runbook."""
    runbook = back(level)
    zone = " --zone ZONE" if level == 3 else ""
    option = Option(
        f"the runbook `{runbook.id}`", "the site serves and is stable, and its people are awake", (f"dr recover --back {level}{zone}",)
    )  # fmt: skip
    return Document(
        runbook.id, runbook.title.removeprefix("TrustLayer "), "P3", "Low: writes are refused for some seconds at the switch, at an hour that people choose",
        (max(1, round(critical_path(runbook).seconds / 60)), round(runbook.plan_seconds[0] / 60)),
        ("What was lost is there again", "`dr assess` finds nothing wrong, or says that two databases take writes"), ("dr assess",), (option,), _SERVING, _CHAIN,
    )  # fmt: skip


def render(document: Document, runbook: Runbook | None = None) -> str:
    """Markdown; the runbook's own steps below it."""
    lines = [
        f"# Runbook: {document.title}", "", "Generated by `python -m scripts.trustlayer.documents`; change the data, not this file.", "",
        "## Classification", "", f"- Severity: {document.severity}", f"- Impact: {document.impact}",
        f"- Estimated time to resolution: {document.minutes[0]} to {document.minutes[1]} minutes", "",
        "## Symptoms", "", *(f"- [ ] {one}" for one in document.symptoms), "", "## Diagnosis", "", "```sh", *document.diagnosis, "```", "", "## Resolution",
    ]  # fmt: skip
    for option in document.options:
        lines += [
            "",
            f"### Option {option.title}",
            "",
            f"When {option.first}.",
            "",
            "```sh",
            *option.commands,
            "```",
        ]
    lines += [
        "",
        "## Verification",
        "",
        *(f"- [ ] {one}" for one in document.verification),
        "",
        "## Escalation",
        "",
    ]
    lines += [f"- {one.minutes} min: {one.who}" for one in document.escalation]
    lines += [
        "",
        "## Post-mortem",
        "",
        "- [ ] Write the post-mortem",
        "- [ ] Hold its review",
        "- [ ] Carry out its preventive actions",
    ]
    text = "\n".join(lines) + "\n"
    return text if runbook is None else text + "\n---\n\n" + markdown(runbook)


def all_documents() -> dict[str, str]:
    """File name -> text."""
    found = {f"{of_level(n).id}.md": render(of_level(n), book(n)) for n in range(1, 6)}
    ways_back = {f"{of_back(n).id}.md": render(of_back(n), back(n)) for n in LEVELS}
    return {**found, **ways_back, f"{DATABASE_DOWN.id}.md": render(DATABASE_DOWN)}
