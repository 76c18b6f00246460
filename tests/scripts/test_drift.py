"""`dr drift` and `dr desired` as a person and a script call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recovery.errors import DrError
from scripts import drift

ID = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/site"
DESIRED = [{
    "type": "azure-native:storage:StorageAccount", "armType": "Microsoft.Storage/storageAccounts", "id": ID,
    "inputs": {"resourceGroupName": "rg", "accountName": "site", "kind": "StorageV2", "enableHttpsTrafficOnly": True},
    "options": {}, "source": "components/storage.py:12",
}]  # fmt: skip
BODY = {"id": ID, "name": "site", "kind": "StorageV2", "properties": {"supportsHttpsTrafficOnly": True}}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DR_HOME", str(tmp_path / "home"))
    write(tmp_path, DESIRED, [BODY])
    return tmp_path


def write(folder: Path, desired: Any, live: Any) -> None:
    (folder / "d.json").write_text(json.dumps(desired))
    (folder / "l.json").write_text(json.dumps(live))


def run(folder: Path, *more: str) -> int:
    return drift.main(["--desired", str(folder / "d.json"), "--live", str(folder / "l.json"), *more])


def test_a_clean_pair_exits_0_and_says_so_last(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("Clean: 1 resource is")


def test_drift_exits_3_with_every_key_of_a_finding(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(files, DESIRED, [{**BODY, "properties": {"supportsHttpsTrafficOnly": False}}])
    assert run(files, "--format", "json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) >= {"findings", "counts", "complete"}
    [found] = answer["findings"]
    assert set(found) >= {"verdict", "id", "path", "want", "have", "severity", "source", "fix"}
    assert (found["verdict"], found["path"]) == ("~", "properties.supportsHttpsTrafficOnly")
    assert (found["want"], found["have"], found["source"]) == (True, False, "components/storage.py:12")
    assert answer["counts"] == {"=": 0, "~": 1, "missing": 0, "unmanaged": 0, "?": 0}
    assert answer["complete"] is True


def test_missing_and_unmanaged_are_told_apart(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(files, DESIRED, [{**BODY, "id": ID.replace("site", "other")}])
    assert run(files, "--format", "json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert sorted(f["verdict"] for f in answer["findings"]) == ["missing", "unmanaged"]


def test_what_was_not_observed_exits_5(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(files, DESIRED, [{"id": ID, "error": {"code": "AuthorizationFailed", "message": "no"}}])
    assert run(files) == 5
    assert "AuthorizationFailed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content"), [("d.json", "{"), ("d.json", "[1]"), ("l.json", '["x"]'), ("l.json", "")]
)
def test_a_bad_file_is_named_in_a_three_part_error(files: Path, name: str, content: str) -> None:
    (files / name).write_text(content)
    with pytest.raises(DrError, match=name.replace(".", r"\.")) as caught:
        run(files)
    assert caught.value.exit_code == 2
    assert caught.value.fix


def test_a_baseline_that_was_written_is_applied_when_named(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(files, DESIRED, [{**BODY, "kind": "BlobStorage"}])
    kept = str(files / "baseline.json")
    assert run(files, "--baseline", kept, "--baseline-write") == 0
    assert run(files, "--baseline", kept) == 0
    assert "1 accepted by the baseline" in capsys.readouterr().out
    assert run(files) == 3, "a comparison of two files takes no baseline that was not named"


def test_the_order_of_keys_and_files_does_not_change_the_answer(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(files, DESIRED, [dict(reversed(BODY.items()))])
    assert run(files) == 0
    assert "Clean" in capsys.readouterr().out


def test_help_and_offline_drift_import_neither_pulumi_nor_a_cloud_sdk(files: Path) -> None:
    code = (
        "import sys\nfrom scripts.cli import main\n"
        f"main(['drift', '--desired', {str(files / 'd.json')!r}, '--live', {str(files / 'l.json')!r}])\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('pulumi', 'azure', 'boto3', 'grpc', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "value", ["\ud800", "a" * 100_000, "é\u202f\x00", 10**400, 1e308], ids=lambda v: repr(v)[:12]
)
def test_odd_values_are_findings_and_no_traceback(files: Path, value: object) -> None:
    write(files, DESIRED, [{**BODY, "kind": value}])
    answer = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-m", "scripts.cli", "drift", "--desired", files / "d.json", "--live", files / "l.json"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (3, b"")
