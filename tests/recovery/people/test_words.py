"""A person's word counts only when it is provably that person's own (People)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.people.words import KINDS, Word, event_of, new_key, public_of, read, sign, unsigned
from recovery.runbook import events as ev
from recovery.runbook.roles import Role

KEY, OTHER = new_key(), new_key()
VERIFIERS = {"cto@demay": public_of(KEY), "ic@demay": "entra:0d9c4b5e"}
WORD = Word("r1", "yes", "cto@demay", "r1/notice/approval/1", "CTO", "Publish?", "", 5.0)

texts = st.text(max_size=30)


@given(
    st.builds(Word, st.just("r1"), st.sampled_from(KINDS), st.just("cto@demay"), texts, texts, texts, texts)
)
def test_a_signed_word_is_read_back_as_it_was_said(word: Word) -> None:
    assert read(sign(word, KEY), "r1", VERIFIERS) == (word, "")


def test_a_word_signed_with_another_key_is_refused() -> None:
    word, why = read(sign(WORD, OTHER), "r1", VERIFIERS)
    assert word is None
    assert "signature" in why


@pytest.mark.parametrize("field", ["kind", "key", "role", "identity", "shown", "reason", "run"])
def test_a_word_changed_after_it_was_signed_is_refused(field: str) -> None:
    raw = json.loads(sign(WORD, KEY))
    raw[field] = {"kind": "no", "identity": "ic@demay", "role": "SRE"}.get(field, "other")
    assert read(json.dumps(raw).encode(), "r1", VERIFIERS)[0] is None


def test_a_word_for_another_run_is_refused() -> None:
    """An approval of the last drill is none of tonight's cutover."""
    assert read(sign(WORD, KEY), "r2", VERIFIERS)[0] is None


def test_an_entra_word_counts_only_from_the_writers_own_folder() -> None:
    word = Word("r1", "pause", "ic@demay")
    assert read(unsigned(word), "r1", VERIFIERS, "0D9C4B5E") == (word, "")
    assert read(unsigned(word), "r1", VERIFIERS, "another")[0] is None
    assert read(unsigned(word), "r1", VERIFIERS)[0] is None


@given(st.binary(max_size=200))
def test_whatever_lies_in_the_inbox_is_read_or_refused_never_crashed_on(data: bytes) -> None:
    assert read(data, "r1", VERIFIERS)[0] is None


def test_every_word_has_its_event() -> None:
    at = 9.0
    assert event_of(WORD, at) == ev.Answered(WORD.key, Role.CTO, "cto@demay", True, "Publish?", at)
    glass = Word("r1", "glass", "cto@demay", "k", "CTO", "", "on a plane")
    assert event_of(glass, at) == ev.BrokeGlass("k", Role.CTO, "cto@demay", "on a plane", at)
    assert event_of(Word("r1", "skip", "i", "warm", reason="slow"), at) == ev.Skipped("warm", "i", "slow", at)
    assert isinstance(event_of(Word("r1", "yes", "i", "k", ""), at), str)
    assert isinstance(event_of(Word("r1", "yes", "i", "k", "King"), at), str)
