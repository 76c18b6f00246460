"""Unpacks a function package that somebody pushed: bounded in size and number, nothing outside its own folder."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

MAX_ZIP_BYTES = 100 * 1024 * 1024
MAX_UNPACKED_BYTES = 400 * 1024 * 1024
MAX_ENTRIES = 20_000


class BadPackageError(ValueError):
    """The zip is not a package that may be unpacked; the message says why."""


def _safe(info: zipfile.ZipInfo) -> PurePosixPath:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if (
        path.is_absolute()
        or ".." in path.parts
        or any(":" in part for part in path.parts)
        or "\0" in info.filename
    ):
        raise BadPackageError(f"entry {info.filename!r} would leave the package's folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise BadPackageError(f"entry {info.filename!r} is a symbolic link")
    return path


def unpack(archive: Path, target: Path) -> None:
    """Unpack `archive` into the new folder `target`; all of it or nothing. Raises BadPackageError.

    Sizes are counted while reading: what a zip says about itself is not believed.
    """
    if archive.stat().st_size > MAX_ZIP_BYTES:
        raise BadPackageError(
            f"the zip has {archive.stat().st_size} bytes, at most {MAX_ZIP_BYTES} are taken"
        )
    staging = target.with_name(target.name + ".part")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        _extract(archive, staging)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise BadPackageError(f"not a readable zip: {error}") from error
    except BadPackageError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)


def _extract(archive: Path, staging: Path) -> None:
    total = 0
    with zipfile.ZipFile(archive) as package:
        entries = package.infolist()
        if len(entries) > MAX_ENTRIES:
            raise BadPackageError(f"{len(entries)} entries, at most {MAX_ENTRIES} are taken")
        for info in entries:
            destination = staging / _safe(info)
            if info.is_dir():
                destination.mkdir(parents=True, exist_ok=True)
                continue
            destination.parent.mkdir(parents=True, exist_ok=True)
            with package.open(info) as source, destination.open("xb") as out:
                while piece := source.read(1 << 16):
                    total += len(piece)
                    if total > MAX_UNPACKED_BYTES:
                        raise BadPackageError(f"more than {MAX_UNPACKED_BYTES} bytes unpacked")
                    out.write(piece)
    if not (staging / "function_app.py").is_file():
        raise BadPackageError("no function_app.py at the package's root")
