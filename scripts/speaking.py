"""How a person speaks to a run: a signed word, left on this machine and in the journal container."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery.errors import BadInput, DrError, Stopped
from recovery.model import Json
from recovery.runbook.roles import Role

if TYPE_CHECKING:
    from clouds.runbook.people import People
    from clouds.runbook.runs import Begun


def current(root: Path, run: str = "") -> tuple[Begun, Mapping[str, Json]]:
    """The run to speak to and what it asks: from this machine's journal, else from the journal container.

    Raises Stopped when there is none.
    """
    from clouds import journal_place
    from clouds.endpoints import load
    from clouds.runbook.runs import newest, state_of, unfinished
    from scripts.run_view import document

    records = journal_place.read(root).records
    begun = newest(records, id=run) if run else unfinished(records)
    if begun is not None:
        return begun, document(state_of(begun, records), begun, load().scale, records)
    return _elsewhere(root, run)


def _elsewhere(root: Path, run: str) -> tuple[Begun, Mapping[str, Json]]:
    import json

    from clouds.runbook.assemble import journal_blobs
    from clouds.runbook.footprint import JOURNAL, Footprint
    from clouds.runbook.people import load_people
    from clouds.runbook.runs import Begun

    try:
        data = journal_blobs(Footprint(root)).get(JOURNAL, "runs/current.json")
    except DrError as error:
        raise _nobody(f"and the journal container cannot be read ({error.summary})") from error
    if data is None:
        raise _nobody("neither here nor in the journal container")
    found: dict[str, Any] = json.loads(data)
    if run and found["run"] != run:
        raise _nobody(f"the one in the journal container is {found['run']}")
    people = load_people(root)
    begun = Begun(
        str(found["run"]), "", str(found["runbook"]), people=people.roles, keys=dict(found["verifiers"])
    )
    return begun, found


def _nobody(where: str) -> Stopped:
    return Stopped(f"there is no run to speak to, {where}", "nothing was said to anybody", "dr status")


def places_of(root: Path) -> list[Any]:
    """Where words are left."""
    from clouds.runbook.assemble import places
    from clouds.runbook.footprint import Footprint
    from scripts.running import inbox_folder

    return list(places(Footprint(root), inbox_folder(root)))


def say(
    root: Path, begun: Begun, asked: Mapping[str, Json], kind: str, *, step: str = "", identity: str = "",
    role: str = "", reason: str = "", people: People | None = None, places: Sequence[Any] | None = None,
) -> str:  # fmt: skip
    """Sign and leave one word. Returns a sentence. Raises BadInput when the person cannot say that."""
    from clouds.runbook.inbox import send
    from clouds.runbook.people import load_people
    from recovery.people.words import Word

    known = people or load_people(root)
    key, shown = step, ""
    if kind in ("yes", "no", "glass"):
        question = _question(asked, step)
        key, shown = str(question["key"]), str(question["sentence"])
        identity, role = _speaker(known, question, identity, role, glass=kind == "glass")
    else:
        identity = identity or (_holder(known, Role.PM) if kind == "draft" else _only(known))
    word = Word(begun.id, kind, identity, key, role, shown, reason, time.time())
    reached = send(places if places is not None else places_of(root), word, known.signed(word))
    return f"{identity} says {kind} {step}".rstrip() + f" to {begun.id} ({', '.join(reached)})"


def _question(asked: Mapping[str, Json], step: str) -> Mapping[str, Json]:
    found = [one for one in asked.get("asks", []) if not step or one["step"] == step]
    if len(found) == 1:
        one: Mapping[str, Json] = found[0]
        return one
    names = ", ".join(one["step"] for one in asked.get("asks", []))
    if not found:
        raise BadInput(
            f"nothing is asked under {step!r} now (asked: {names or 'nothing'})",
            "an answer to a question that is not asked counts for nothing",
            "dr approve --list",
        )
    raise BadInput(
        f"{len(found)} questions are open: {names}", "nothing is guessed", f"dr approve {found[0]['step']}"
    )


def _speaker(
    people: People, question: Mapping[str, Json], identity: str, role: str, glass: bool = False
) -> tuple[str, str]:
    """Who answers, in which role: as given, else the one person here who can."""
    missing = [str(one) for one in question["missing"]]
    if glass:
        return identity or _only(people), role or missing[0]
    here = [identity] if identity else people.here()
    able = [
        (who, r)
        for who in here
        for r in missing
        if r in people.roles.get(who, frozenset()) and role in ("", r)
    ]
    if len(able) == 1 or (able and identity):
        return able[0]
    may = sorted(w for w, held in people.roles.items() if held & set(missing))
    if able:
        said = f"here that may be {', '.join(f'{w} ({r})' for w, r in able)}"
    elif identity and identity not in people.roles:
        said = f"{identity} is nobody whom the settings name"
    elif identity:
        said = f"{identity} is {', '.join(sorted(people.roles[identity]))}"
    else:
        held = ", ".join(f"{w} ({', '.join(sorted(people.roles[w]))})" for w in here)
        said = f"with a key on this machine: {held or 'nobody'}"
    raise BadInput(
        f"{question['step']} is for the {' or '.join(missing)} to answer; {said}",
        "an approval is one person's, in one role",
        f"dr approve {question['step']} --as {able[0][0] if able else may[0] if may else 'WHO'}"
        + (f"    (who may: {', '.join(may)})" if may else ""),
    )


def _holder(people: People, role: str) -> str:
    """The one person here who has a role; "" where that is not clear."""
    able = [who for who in people.here() if role in people.roles[who]]
    return able[0] if len(able) == 1 else _only(people)


def _only(people: People) -> str:
    here = people.here()
    if len(here) == 1:
        return here[0]
    raise BadInput(
        f"it is not clear who speaks (keys on this machine: {', '.join(here) or 'none'})",
        "every word is one person's own",
        f"the same command with: --as {here[0] if here else 'WHO'}",
    )


def say_word(root: Path, begun: Begun, line: str, speaker: str, people: People, places: Sequence[Any]) -> str:
    """A typed line of the run's own terminal: `yes cutover as WHO`, `no cutover`, `pause why`, `abort why`."""
    from clouds import journal_place
    from clouds.runbook.runs import state_of
    from scripts.run_view import document

    verb, _, rest = line.partition(" ")
    rest, _, who = rest.partition(" as ")
    kinds = {
        "yes": "yes",
        "no": "no",
        "pause": "pause",
        "resume": "resume",
        "abort": "abort",
        "retry": "retry",
    }
    if verb not in kinds:
        return "here you may type: yes STEP as WHO, no STEP as WHO, pause WHY, resume, retry STEP, abort WHY"
    try:
        asked = document(state_of(begun, journal_place.read(root).records))
        step, reason = (rest.strip(), "") if verb in ("yes", "no", "retry") else ("", rest.strip())
        return say(root, begun, asked, kinds[verb], step=step, identity=(who or speaker).strip(), reason=reason,
                   people=people, places=places)  # fmt: skip
    except DrError as error:
        return f"{error.summary}. {error.fix}"
