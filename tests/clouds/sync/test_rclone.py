"""After each way of the sync, a tool that nobody here wrote finds no difference: `rclone check`, by size and MD5.

rclone is not part of this project: the tests skip where it is not on PATH.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time

import pytest

from tests.clouds.sync.site import Site

pytestmark = [
    pytest.mark.localcloud,
    pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not on PATH"),
]


NONE = "exit 0; 0 differences found"


def differences(site: Site, source: str, target: str, *options: str) -> str:
    """rclone's exit code and what it says of differences. Both sides' hashes are compared, not only sizes."""
    config = site.root / "rclone.conf"
    endpoints = site.world.endpoints
    blob = {c: str(site.world.blobs(c)._url).rpartition("/")[0] for c in ("$web", "uploads")}
    text = (
        f"[s3]\ntype=s3\nprovider=Other\naccess_key_id=local\nsecret_access_key=local-only\nregion=us-east-1\n"
        f"endpoint={site.url}\nforce_path_style=true\n"
    )
    for name, url in blob.items():
        text += (
            f"[az-{name.strip('$')}]\ntype=azureblob\naccount={url.rpartition('/')[2]}\nkey={endpoints.storage_key}\n"
            f"endpoint={url}\n"
        )
    config.write_text(text)
    command = ["rclone", "--config", str(config), "check", source, target, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - the peer
    found = [line for line in done.stderr.splitlines() if "differences found" in line]
    return f"exit {done.returncode}; {found[0].rpartition(': ')[2] if found else done.stderr[-500:]}"


def test_rclone_finds_no_difference_after_a_sync_and_after_the_way_back(site: Site) -> None:
    """0 differences for the site, with --one-way for uploads; after --reverse likewise."""
    names = site.source
    for number in range(40):
        site.upload(
            f"dir {number % 3}/page é{number}.html", b"<p>%d" % number * (number + 1), names.siteBucket
        )
        site.upload(f"u/{number}.jpg", b"\xff\xd8%d" % number * 500)
    site.upload("large.bin", bytes(range(256)) * 40_000)
    site.blobs("uploads").upload_blob("azure-alone.jpg", b"stays: uploads are never deleted")
    asyncio.run(site.carry("site"))
    site.blobs("$web").upload_blob("obsolete.html", b"goes")  # one of 41: within --max-delete
    asyncio.run(site.carry("site"))
    asyncio.run(site.carry("uploads"))
    web, uploads = (
        (f"s3:{names.siteBucket}", "az-web:$web"),
        (f"s3:{names.uploadsBucket}", "az-uploads:uploads"),
    )
    assert NONE in differences(site, *web)
    assert NONE in differences(site, *uploads, "--one-way")
    assert "1 differences found" in differences(site, *uploads), "it does look: the one that Azure alone has"
    site.fail_over()
    time.sleep(1.1)
    site.blobs("uploads").upload_blob("u/new.jpg", b"written in the contingency")
    site.blobs("uploads").upload_blob("u/7.jpg", b"changed in the contingency", overwrite=True)
    site.blobs("$web").upload_blob("dir 0/new.html", b"<p>new")
    asyncio.run(site.carry("site", reverse=True))
    asyncio.run(site.carry("uploads", reverse=True))
    assert NONE in differences(site, *reversed(web))
    assert NONE in differences(site, *reversed(uploads), "--one-way")
