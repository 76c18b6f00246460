"""What holds for the whole tree: rooms, sizes, tables that must agree with the code, and nothing of one machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from recovery.exit_codes import MEANING, ExitCode
from scripts.cli import VERBS
from scripts.readme import rewritten

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("components", "recovery", "clouds", "scripts", "localcloud")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".lock", ".txt", ".j2", ".css", ".js", ""}


def tracked() -> list[Path]:
    """Every file that git knows and that is still there; without git, every file outside the ignored folders."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 (git from PATH)
    if done.returncode == 0 and done.stdout:
        names = [n for n in done.stdout.split("\0") if n]
        return [p for n in names if (p := ROOT / n).is_file()]
    ignored = {".venv", ".git", "node_modules", "out", ".dr"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not ignored & set(p.relative_to(ROOT).parts)]


def modules() -> dict[str, int]:
    """Lines of every Python module in the rooms and the tests."""
    folders = (*ROOMS, "tests", "benchmarks")
    return {
        str(p.relative_to(ROOT)): p.read_text().count("\n")
        for p in tracked()
        if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in folders
    }


def test_no_module_is_too_long_to_be_read_whole() -> None:
    """None over 450 lines, nine in ten at most 350."""
    sizes = modules()
    assert {name: n for name, n in sizes.items() if n > 450} == {}
    ordered = sorted(sizes.values())
    assert ordered[int(0.9 * len(ordered))] <= 350


def test_the_program_itself_stays_small() -> None:
    """design.md: `__main__.py` wires, in at most 40 lines."""
    program = ROOT / "__main__.py"
    assert program.read_text().count("\n") <= 40


def test_the_readmes_tables_are_those_of_the_code() -> None:
    """Commands and exit codes stand in one place each."""
    text = (ROOT / "README.md").read_text()
    assert rewritten(text) == text, "make readme"
    for verb in VERBS:
        assert f"| `dr {verb}` |" in text
    for code in ExitCode:
        assert f"| {int(code)} | {MEANING[code]} |" in text


def test_the_readme_begins_with_the_two_commands() -> None:
    """These two commands are the README's first lines."""
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.strip()]
    assert [line.split("#")[0].strip() for line in lines[1:3]] == ["make rehearse", "make test"]


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_its_module(verb: str) -> None:
    module = VERBS[verb][0]
    assert (ROOT / (module.replace(".", "/") + ".py")).is_file()


def test_help_imports_neither_pulumi_nor_an_sdk() -> None:
    """`dr --help` answers at three in the morning."""
    heavy = ("pulumi", "azure", "boto3", "grpc", "aiohttp", "httpx", "typer", "rich", "jinja2")
    code = f"import sys; from scripts.cli import main; main(['--help']); print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 (our own interpreter)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_nothing_of_one_machine_stands_in_the_project() -> None:
    """A path that exists only here is a promise that holds only here."""
    words = {str(ROOT), *({str(Path.home())} if len(Path.home().parts) > 2 else set())}
    superuser = "/".join(("", "root", ""))
    pattern = re.compile("|".join([*map(re.escape, words), rf"(?<![\w.\-/]){superuser}"]))
    found = []
    for path in tracked():
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text(errors="replace")
            found += [f"{path.relative_to(ROOT)}: {m.group(0)}" for m in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-image.lock"])
def test_a_lock_file_pins_and_hashes_everything_and_names_no_address(name: str) -> None:
    """Where packages come from is the business of the machine that installs."""
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--index|--find-links|--extra-index", text)
    entries = re.split(r"\n(?=\S)", text.strip())
    loose = [e.splitlines()[0] for e in entries if "==" not in e.splitlines()[0] or "--hash=sha256:" not in e]
    assert loose == []


def test_everything_that_the_project_needs_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: group for name, group in project["optional-dependencies"].items() if name != "spark"}
    dev = [re.split(r"[^\w-]", d)[0] for group in extras.values() for d in group]
    needed = {re.split(r"[^\w-]", d)[0].lower() for d in project["dependencies"]}
    for name, wanted in (("requirements.lock", needed), ("requirements-dev.lock", needed | set(dev))):
        locked = {m.lower() for m in re.findall(r"(?m)^([\w-]+)==", (ROOT / name).read_text())}
        assert wanted - locked == set(), f"make lock ({name})"
    assert project["dependencies"] == sorted(project["dependencies"])


def test_links_between_our_documents_lead_somewhere() -> None:
    broken = []
    for path in tracked():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
                if "://" not in target and not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_file_of_tests_can_be_collected() -> None:
    """A test that is never collected cannot fail."""
    strange = [
        name
        for name in modules()
        if name.startswith("tests/")
        and re.search(r"(?m)^(async )?def test_", (ROOT / name).read_text())
        and not Path(name).name.startswith("test_")
    ]
    assert strange == []
