"""Unpacking a function package: foreign input."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from localcloud.data import packages


def archive(folder: Path, entries: dict[str, bytes]) -> Path:
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in entries.items():
            package.writestr(name, data)
    return path


def test_a_package_is_unpacked_whole(tmp_path: Path) -> None:
    """The converter's code arrives as it was pushed."""
    packages.unpack(archive(tmp_path, {"function_app.py": b"app", "lib/a.txt": b"a"}), tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"function_app.py", "lib/a.txt"}


def test_a_zip_bomb_is_stopped_by_what_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are counted while reading: the zip's own figures are not believed."""
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1_000_000)
    bomb = archive(tmp_path, {"function_app.py": b"", "zeros": b"\0" * 2_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(packages.BadPackageError, match="unpacked"):
        packages.unpack(bomb, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["package.zip"]


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """A link could point outside the package's folder."""
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as package:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, "/etc/passwd")
        package.writestr("function_app.py", "")
    with pytest.raises(packages.BadPackageError, match="symbolic link"):
        packages.unpack(path, tmp_path / "out")
