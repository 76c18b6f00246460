"""Words arrive from this machine or another, count once, and only when they are provably their speaker's."""

from __future__ import annotations

from pathlib import Path

from clouds.runbook.inbox import FolderPlace, Inbox, send
from recovery.people.words import Word, new_key, public_of, sign
from recovery.runbook import events as ev
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.state import begin
from tests.clouds.runbook.simulated import PEOPLE, MemoryJournal

KEY, STRANGER = new_key(), new_key()
VERIFIERS = {"cto@demay": public_of(KEY)}
WORD = Word("r1", "yes", "cto@demay", "r1/notice/approval/1", "CTO", "Publish?", "", 1.0)
STATE = begin(FAILOVER, "r1", PEOPLE)


def inbox(folder: Path, journal: MemoryJournal) -> Inbox:
    times = iter(range(100, 1000))
    return Inbox([FolderPlace(folder)], VERIFIERS, journal, lambda: float(next(times)))


def test_a_word_is_taken_in_once_also_after_a_restart(tmp_path: Path) -> None:
    """Approvals also from another process."""
    send([FolderPlace(tmp_path)], WORD, sign(WORD, KEY))
    send([FolderPlace(tmp_path)], WORD, sign(WORD, KEY))
    journal = MemoryJournal()
    first = inbox(tmp_path, journal)
    heard = first.words(STATE)
    assert [type(one.event) for one in heard] == [ev.Answered]
    assert first.words(STATE) == []
    from recovery.journal.chain import Kind

    journal.append(Kind.NOTE, "r1", heard[0].note)
    assert inbox(tmp_path, journal).words(STATE) == []


def test_a_strangers_word_changes_nothing_and_is_noted(tmp_path: Path) -> None:
    send([FolderPlace(tmp_path)], WORD, sign(WORD, STRANGER))
    journal = MemoryJournal()
    assert inbox(tmp_path, journal).words(STATE) == []
    assert [(r.body["accepted"], "signature" in r.body["why"]) for r in journal.records] == [(False, True)]
