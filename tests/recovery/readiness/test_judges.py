"""Every judge: ready on good evidence alone; what is absent or garbled is unknown, never ready."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.exit_codes import ExitCode
from recovery.readiness.judges.seed import UNREADABLE, covers
from recovery.readiness.model import Facts, Seen, UnseenError, Verdict, exit_code, judged
from recovery.readiness.registry import CHECKS, named
from tests.recovery.readiness.evidence import FOR_PEOPLE, GOOD

BY_ID = {check.id: check for check in CHECKS}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*at, number))


def words(id: str, path: tuple[Any, ...]) -> str:
    return ".".join([id, *(part for part in path if isinstance(part, str))])


CASES = [(id, path) for id, good in GOOD.items() for path in paths(good) if words(id, path) not in FOR_PEOPLE]


def changed(id: str, path: tuple[Any, ...], value: Any, *, delete: bool = False) -> dict[str, Any]:
    found = copy.deepcopy(GOOD[id])
    inner: Any = found
    for part in path[:-1]:
        inner = inner[part]
    if delete:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return found


def verdict(id: str, evidence: dict[str, Any]) -> Verdict:
    return judged(BY_ID[id], Seen(evidence)).verdict


def test_every_check_has_good_evidence_here() -> None:
    assert set(GOOD) == set(BY_ID)


@pytest.mark.parametrize("id", GOOD)
def test_good_evidence_is_ready_and_says_so_in_a_sentence(id: str) -> None:
    result = judged(BY_ID[id], Seen(GOOD[id]))
    assert result.verdict is Verdict.READY, result.sentence
    assert result.sentence
    assert result.fix == ""


@pytest.mark.parametrize(("id", "path"), CASES, ids=[words(*case) for case in CASES])
def test_evidence_with_a_part_missing_is_never_ready(id: str, path: tuple[Any, ...]) -> None:
    """A green report that is wrong is worse than none."""
    assert verdict(id, changed(id, path, None, delete=True)) is Verdict.UNKNOWN


@pytest.mark.parametrize(("id", "path"), CASES, ids=[words(*case) for case in CASES])
def test_evidence_of_another_kind_is_never_ready(id: str, path: tuple[Any, ...]) -> None:
    """None, and an object where something else is expected, is what a garbled answer leaves."""
    for garbage in (None, {"garbage": [float("nan")]}):
        assert verdict(id, changed(id, path, garbage)) is not Verdict.READY


@given(st.sampled_from(sorted(BY_ID)), JSON)
def test_arbitrary_evidence_is_never_ready(id: str, garbage: Any) -> None:
    evidence = garbage if isinstance(garbage, dict) else {"answer": garbage}
    assert verdict(id, evidence) is not Verdict.READY


@pytest.mark.parametrize("id", GOOD)
def test_what_could_not_be_seen_is_unknown_with_its_reason(id: str) -> None:
    result = judged(BY_ID[id], Seen(reason="403 Forbidden"))
    assert result.verdict is Verdict.UNKNOWN
    assert "403" in result.sentence
    assert "doctor" in result.fix


@pytest.mark.parametrize("id", GOOD)
def test_a_part_of_the_footprint_that_is_not_there_is_not_ready(id: str) -> None:
    result = judged(BY_ID[id], Seen({"doesNotExist": "vmss-demay-api"}))
    assert result.verdict is Verdict.NOT_READY
    assert "vmss-demay-api" in result.sentence


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("site", "404", {"answers": [{"where": "it", "status": 404, "reason": "", "sha256": ""}]}),
    ("site", "no index.html", {"stored": ""}),
    ("cosmos", "still there", {"gone": False}),
    ("cosmos", "not the one", {"same": False}),
    ("cosmos", "write", {"write": "answered 413 too large"}),
    ("converter", "disabled", {"functions": [{"name": "convert_upload", "disabled": True}]}),
    ("converter", "no function", {"functions": []}),
    ("converter", "muting does not work", {"documents": 1}),
    ("converter", "not converted", {"listens": True}),
    ("converter", "subscription", {"subscription": "Failed"}),
    ("converter", "leads to", {"target": "/sites/f/functions/other"}),
    ("scale-set", "capacity 1", {"capacity": 1}),
    ("scale-set", "1 instance", {"instances": 1}),
    ("gateway", "operational", {"operational": "Stopped"}),
    ("gateway", "pool api", {"missing": ["pool api"]}),
    ("gateway", "lead nowhere", {"loose": ["api"]}),
    ("certificate", "no HTTPS", {"listeners": 0}),
    ("certificate", "self-signed", {"trusted": False, "selfSigned": True}),
    ("certificate", "has expired", {"trusted": False, "why": "certificate has expired"}),
    ("certificate", "does not cover demay.com", {"names": ["*.demay.com"]}),
    ("certificate", "30.0 days", {"days": 30.0}),
    ("certificate", "another certificate", {"served": "cd"}),
    ("contingency-name", "delegates", {"parentServers": ["ns.other.example"]}),
    ("contingency-name", "nobody", {"parentServers": []}),
    ("contingency-name", "192.0.2.10", {"answers": [{"who": "Google", "known": True, "values": ["192.0.2.10"], "reason": ""}]}),
    ("data-age", "72 h", {"flows": [{"flow": "uploads", "found": True, "age": 72 * 3599.0}]}),
    ("data-age", "no run", {"flows": [{"flow": "uploads", "found": False}]}),
    ("proofs", "proved nothing", {"flows": [{"flow": "site", "found": True, "problem": "", "proofs": []}]}),
    ("proofs", "8 of 9", {"flows": [{"flow": "s", "found": True, "problem": "", "proofs": [{"name": "s", "equal": 8, "compared": 9, "holds": False}]}]}),
    ("documents", "cat.jpg", {"missing": ["cat.jpg: no documents"]}),
    ("drift", "critical", {"findings": [{"id": "/x/dr", "path": "", "verdict": "missing", "severity": "critical", "reason": ""}]}),
    ("preview", "+ zone", {"refused": ["+ zone"]}),
    ("preview", "nothing at all", {"updates": []}),
    ("handover", "never handed", {"handedOver": False}),
    ("handover", "pending", {"activePending": 2}),
    ("handover", "unknown to the stack active", {"absent": ["zone"]}),
    ("handover", "1-cd", {"activeStamp": "1-cd"}),
    ("throughput", "4 to 6 hours", {"instant": 1000}),
    ("throughput", "way back", {"floorAfter": 1000}),
    ("throughput", "autoscale", {"kind": "autoscale"}),
    ("quota", "3 of 20", {"usages": [{"name": "BS", "used": 17, "limit": 20}]}),
    ("quota", "restricted", {"restrictions": ["NotAvailableForSubscription"]}),
    ("quota", "not offered", {"offered": False}),
    ("image", "not to be had", {"found": False}),
    ("boot", "init script cd", {"script": "cd"}),
    ("boot", "does not declare", {"known": False}),
    ("boot", "is not there", {"there": False}),
    ("boot", "beside it is not", {"beside": False}),
    ("boot", "names no SHA-256", {"wanted": ""}),
    ("boot", "has digest ef", {"sha256": "ef"}),
    ("artifact", "none", {"deployed": ""}),
    ("renewal", "self-signed", {"issuer": "Self"}),
    ("renewal", "remembered", {"renews": ""}),
    ("journal", "damaged", {"damage": ["line 3"]}),
    ("journal", "has not ended", {"open": "failover-1"}),
    ("outside", "s3://", {"places": [{"what": "state backend", "where": "s3://bucket", "reason": ""}]}),
    ("outside", "awskms", {"places": [{"what": "secrets", "where": "awskms://alias/x", "reason": ""}]}),
    ("outside", "ecr", {"places": [{"what": "image", "where": "1.dkr.ecr.us-east-1.amazonaws.com/x", "reason": ""}]}),
    ("approvers", "CTO", {"roles": [{"role": "Tech Lead", "people": ["a"]}, {"role": "Incident Commander", "people": ["b"]}]}),
    ("approvers", "two identities", {"roles": [{"role": r, "people": ["a"]} for r in ("Tech Lead", "CTO", "Incident Commander")]}),
    ("channels", "outbox", {"channels": [{"audience": "internal", "name": "o", "outbox": True, "reason": ""}]}),
    ("channels", "TimeoutError", {"channels": [{"audience": "internal", "name": "chat", "outbox": False, "reason": "TimeoutError"}]}),
    ("identities", "Owner", {"excess": [{"who": "id-api", "what": "Owner on rg", "fix": "az role"}]}),
    ("identities", "lacks", {"lacking": [{"who": "id-api", "what": "Reader on rg", "fix": "dr up"}]}),
    ("drill", "aborted", {"outcome": "aborted"}),
    ("drill", "400 days", {"age": 400 * 86400.0}),
    ("drill", "no drill", {"found": False}),
    ("recovery-time", "40 min", {"seconds": 2400.0}),
    ("dead-man", "switched off", {"alarms": [GOOD["dead-man"]["alarms"][0] | {"enabled": False}]}),
    ("dead-man", "firing", {"alarms": [GOOD["dead-man"]["alarms"][0] | {"firing": True}]}),
    ("dead-man", "tells nobody", {"alarms": [GOOD["dead-man"]["alarms"][0] | {"tells": []}]}),
    ("dead-man", "does not exist", {"alarms": [GOOD["dead-man"]["alarms"][0] | {"found": False}]}),
]  # fmt: skip


@pytest.mark.parametrize(("id", "says", "change"), WRONG, ids=[f"{i}-{s}" for i, s, _ in WRONG])
def test_what_is_wrong_is_not_ready_named_and_has_a_fix(id: str, says: str, change: dict[str, Any]) -> None:
    """READY-1 to READY-8: with the figure or the name that a person needs."""
    result = judged(BY_ID[id], Seen(GOOD[id] | change))
    assert result.verdict is Verdict.NOT_READY, result.sentence
    assert says in result.sentence
    assert result.fix


def test_the_fix_is_the_one_that_mends_what_was_found() -> None:
    """Seen on a standby of the real CLI: `dr watchdog arm` mends nothing that the program declares."""
    azure, aws = GOOD["dead-man"]["alarms"]

    def fix(id: str, change: dict[str, Any]) -> str:
        return judged(BY_ID[id], Seen(GOOD[id] | change)).fix

    assert "standby:monitoring" in fix("dead-man", {"alarms": [azure | {"tells": []}, aws]})
    assert fix("dead-man", {"alarms": [azure, aws | {"tells": []}]}).startswith("dr watchdog arm --topic")
    assert fix("dead-man", {"alarms": [azure, aws | {"enabled": False}]}) == "dr watchdog arm"
    assert fix("recovery-time", {"found": False}) == "dr failover --drill"


BLIND: list[tuple[str, dict[str, Any]]] = [
    *(("site", {"answers": [{"where": "it", "status": status, "reason": "", "sha256": ""}]}) for status in sorted(UNREADABLE)),
    ("site", {"answers": [{"where": "it", "status": 200, "reason": "", "sha256": "a proxy's page"}]}),
    ("contingency-name", {"answers": [{"who": "Google", "known": False, "values": [], "reason": "SERVFAIL"}]}),
    ("drift", {"findings": [{"id": "/x", "path": "", "verdict": "?", "severity": "high", "reason": "403"}]}),
    ("drift", {"same": 0}),
    ("handover", {"resources": 0}),
    ("outside", {"places": [{"what": "state backend", "where": "", "reason": "not set"}]}),
    ("outside", {"places": [{"what": "state backend", "where": "https://app.pulumi.com", "reason": ""}]}),
    ("dead-man", {"alarms": [{"name": "AWS", "reason": "no answer"}]}),
    ("identities", {"checked": 0}),
    ("identities", {"documents": 0}),
    ("quota", {"usages": []}),
    ("boot", {"script": ""}),
    ("boot", {"sha256": "", "size": 2048}),
]  # fmt: skip


@pytest.mark.parametrize(("id", "change"), BLIND)
def test_what_proves_nothing_is_unknown(id: str, change: dict[str, Any]) -> None:
    assert verdict(id, GOOD[id] | change) is Verdict.UNKNOWN


def test_lesser_drift_is_named_and_does_not_stop_readiness() -> None:
    finding = {"id": "/x/pip", "path": "tags", "verdict": "~", "severity": "low", "reason": ""}
    result = judged(BY_ID["drift"], Seen(GOOD["drift"] | {"findings": [finding]}))
    assert result.verdict is Verdict.READY
    assert "1 lesser" in result.sentence


def test_a_wildcard_covers_one_label_and_not_the_apex() -> None:
    """RFC 6125, 6.4.3; design.md: the certificate names both the apex and the wildcard."""
    assert covers(["*.demay.com"], "api.demay.com")
    assert not covers(["*.demay.com"], "demay.com")
    assert not covers(["*.demay.com"], "a.b.demay.com")


def test_exit_codes_put_not_ready_before_unknown_and_nothing_asked_is_unknown() -> None:
    assert exit_code([Verdict.READY]) is ExitCode.CLEAN
    assert exit_code([Verdict.UNKNOWN, Verdict.NOT_READY]) is ExitCode.FINDING
    assert exit_code([Verdict.READY, Verdict.UNKNOWN]) is ExitCode.UNOBSERVED
    assert exit_code([]) is ExitCode.UNOBSERVED


def test_checks_are_chosen_by_id_or_by_requirement() -> None:
    assert [c.id for c in named(["READY-4"])] == ["scale-set", "image", "boot", "artifact"]
    with pytest.raises(KeyError):
        named(["READY-99"])


def test_facts_have_no_defaults() -> None:
    with pytest.raises(UnseenError):
        Facts({}).flag("x")
    with pytest.raises(UnseenError):
        Facts({"x": 1}).flag("x")
    with pytest.raises(UnseenError):
        Facts({"x": True}).number("x")
    with pytest.raises(UnseenError):
        Facts({"x": float("nan")}).number("x")
    with pytest.raises(UnseenError):
        Facts({"x": 1.5}).whole("x")
