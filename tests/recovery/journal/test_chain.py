"""The hash chain says what was done to a journal, and where (Journal)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery.journal.chain import GENESIS, Damage, Head, Kind, Record, decode, encode, parting, verify

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
BODIES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALARS, lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=3), i, max_size=3)
    ),
    max_size=3,
)


def journal(bodies: list[dict[str, object]]) -> tuple[list[bytes], Head]:
    lines, head = [], Head()
    for seq, body in enumerate(bodies, 1):
        line, digest = encode(Record(seq, "2026-01-05T03:00:00Z", "r1", Kind.NOTE, body), head.hash)
        lines.append(line)
        head = Head(seq, digest)
    return lines, head


SIX, SIX_HEAD = journal([{"n": n} for n in range(1, 7)])


@given(st.lists(BODIES, max_size=6))
@settings(deadline=None)
def test_an_untouched_journal_verifies_and_reads_back(bodies: list[dict[str, object]]) -> None:
    """Whatever the records hold, strange text and numbers too."""
    lines, head = journal(bodies)
    checked = verify(lines, head)
    assert checked.findings == ()
    assert checked.head == head
    assert [record.seq for record in checked.records] == list(range(1, len(bodies) + 1))
    assert all(b"\n" not in line for line in lines)


@given(st.data())
@settings(deadline=None)
def test_any_changed_byte_is_found_at_its_line(data: st.DataObject) -> None:
    """An edit, of any one byte of any line, last one included."""
    at = data.draw(st.integers(0, 5))
    place = data.draw(st.integers(0, len(SIX[at]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b not in (SIX[at][place], 10)))
    lines = list(SIX)
    lines[at] = lines[at][:place] + bytes([byte]) + lines[at][place + 1 :]
    checked = verify(lines, SIX_HEAD)
    assert not checked.sound
    assert at + 1 in {finding.line for finding in checked.findings}, [str(f) for f in checked.findings]


@given(st.integers(0, 5), st.text(min_size=1))
@settings(deadline=None)
def test_a_line_written_anew_with_a_right_hash_is_found_at_its_place(at: int, text: str) -> None:
    """An edit by someone who knows the format: the next line, or the head, names another hash."""
    lines = list(SIX)
    record, prev, _ = decode(lines[at])
    lines[at], _ = encode(Record(record.seq, record.at, record.run, record.kind, {"n": text}), prev)
    [finding] = verify(lines, SIX_HEAD).findings
    assert finding.line == at + 1
    assert finding.damage is (Damage.REWRITTEN if at == 5 else Damage.REPLACED)


@given(st.integers(0, 5), st.integers(1, 6))
@settings(deadline=None)
def test_removed_lines_are_named(at: int, count: int) -> None:
    """A removal in the middle or at the start is a gap; at the end it is a truncation against the head."""
    gone = SIX[at : at + count]
    [finding] = verify(SIX[:at] + SIX[at + count :], SIX_HEAD).findings
    last = at + len(gone)
    assert finding.damage is (Damage.TRUNCATED if last == 6 else Damage.REMOVED)
    assert finding.line == at + 1
    assert f"records {at + 1} to {last} are missing" in finding.detail


@given(st.integers(0, 6), st.integers(0, 5))
@settings(deadline=None)
def test_a_repeated_line_is_found_where_it_stands(at: int, which: int) -> None:
    """An insertion of a real record at another place."""
    if at in (which, which + 1):
        at = 6 if which < 5 else 0
    checked = verify([*SIX[:at], SIX[which], *SIX[at:]], SIX_HEAD)
    assert not checked.sound
    assert at + 1 in {finding.line for finding in checked.findings} or which > at


@given(st.integers(0, 6), st.binary(max_size=20))
@settings(deadline=None)
def test_a_line_of_rubbish_is_found_where_it_stands(at: int, rubbish: bytes) -> None:
    """An insertion of something else; the records around it are not blamed."""
    checked = verify([*SIX[:at], rubbish.replace(b"\n", b""), *SIX[at:]], SIX_HEAD)
    assert [(f.damage, f.line) for f in checked.findings] == [(Damage.UNREADABLE, at + 1)]


def test_a_forged_record_put_between_two_is_found() -> None:
    """It chains to the one before it, but the real next one stands after it."""
    record = Record(4, "2026-01-05T03:00:00Z", "r1", Kind.NOTE, {"forged": True})
    forged, _ = encode(record, decode(SIX[2])[2])
    found = {(f.damage, f.line) for f in verify([*SIX[:3], forged, *SIX[3:]], SIX_HEAD).findings}
    assert (Damage.INSERTED, 5) in found


def test_a_journal_written_wholly_anew_is_found_by_its_head() -> None:
    """The chain holds in itself; a mirror says where the copies part."""
    anew, _ = journal([{"n": n} for n in (1, 2, 3, 99, 5, 6)])
    [finding] = verify(anew, SIX_HEAD).findings
    assert finding.damage is Damage.REWRITTEN
    assert parting(anew, SIX) == 4
    assert parting(SIX[:3], SIX) is None


def test_one_line_more_than_the_head_is_the_trace_of_a_killed_writer_two_are_not() -> None:
    """The line is written before the head, so at most one can be ahead."""
    behind = Head(5, decode(SIX[4])[2])
    one = verify(SIX, behind)
    assert one.sound
    assert [f.damage for f in one.findings] == [Damage.TAIL]
    further = verify(SIX, Head(4, decode(SIX[3])[2]))
    assert not further.sound
    strange = verify(SIX, Head(5, GENESIS))
    assert [f.damage for f in strange.findings] == [Damage.REWRITTEN]


def test_all_lines_gone_is_a_truncation() -> None:
    """An emptied file is no empty journal."""
    [finding] = verify([], SIX_HEAD).findings
    assert str(finding) == "line 1: truncated: records 1 to 6 are missing at the end"


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"7", b"\xff", b'{"seq":"x"}', b"[" * 5000])
def test_what_is_no_record_is_refused(line: bytes) -> None:
    """decode tells it by ValueError alone."""
    with pytest.raises(ValueError, match="no record"):
        decode(line)


def test_a_line_is_one_canonical_json_object() -> None:
    """Sorted keys, no spaces, text readable."""
    line, digest = encode(
        Record(1, "2026-01-05T03:00:00Z", "r1", Kind.NOTE, {"razão": "região fora"}), GENESIS
    )
    assert json.loads(line)["hash"] == digest
    assert '"razão":"região fora"'.encode() in line
