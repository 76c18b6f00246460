"""Backups: a dump and the storage tree under ``s3://BUCKET/YYYYMMDD/``, proven by restoring, restored when confirmed."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from clouds.postgres import Server, newest_primary
from clouds.runbook.calls import Call, Handler, Outcome, ok, seen
from clouds.trustlayer_site import EAST, WEST, Site
from recovery.errors import BadInput, DrError, Failed, Unobserved
from recovery.model import Json
from recovery.trustlayer.backups import (
    DUMP,
    MANIFEST,
    STORAGE,
    Entry,
    Manifest,
    incomplete,
    parse,
    restores,
    valid_date,
)

CHUNK = 1 << 20
SCRATCH = "dr_scratch"


class Backups:
    """The backups of one site. They are read where they can be: the source bucket, else its copy in us-west-2."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._place: tuple[Any, str] | None = None

    def place(self) -> tuple[Any, str]:
        """(S3 client, bucket) that answers. Raises Unobserved when neither does."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._place is None:
            for region, which in ((EAST, "backups"), (WEST, "copy")):
                client, bucket = self.site.aws("s3", region), str(self.site.body["buckets"][which])
                try:
                    client.head_bucket(Bucket=bucket)
                except (BotoCoreError, ClientError):
                    continue
                self._place = (client, bucket)
                break
            else:
                raise Unobserved(
                    "no backup bucket answers, in neither region",
                    "whether there is a backup cannot be known",
                    "aws s3 ls s3://trustlayer-backups-us-west-2/ --region us-west-2",
                    retry=True,
                )
        return self._place

    def primary(self) -> Server:
        """The server that takes writes now. Raises Unobserved."""
        found = newest_primary(self.site.databases.values())
        if found is not None:
            return found
        raise Unobserved(
            "no database takes writes",
            "there is nothing to dump from, or to restore into",
            "dr assess",
            retry=True,
        )

    def run(self, now: datetime) -> Manifest:
        """Dump, copy the storage tree, write the manifest last."""
        date, at = f"{now:%Y%m%d}", now.astimezone(UTC).isoformat(timespec="seconds")
        (client, bucket), server = self.place(), self.primary()
        files: dict[str, Entry] = {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / DUMP
            rows = _dump(self.site, server, path)
            files[DUMP] = entry(path)
            client.upload_file(str(path), bucket, f"{date}/{DUMP}")
        storage = str(self.site.body["buckets"]["storage"])
        source = self.site.aws("s3", EAST if bucket == self.site.body["buckets"]["backups"] else WEST)
        for key in listing(source, storage, ""):
            body = source.get_object(Bucket=storage, Key=key)["Body"].read()
            files[STORAGE + key] = Entry(len(body), hashlib.sha256(body).hexdigest())
            client.put_object(Bucket=bucket, Key=f"{date}/{STORAGE}{key}", Body=body)
        made = Manifest(date, at, rows, files)
        client.put_object(Bucket=bucket, Key=f"{date}/{MANIFEST}", Body=json.dumps(made.to_json()).encode())
        return made

    def dates(self) -> dict[str, str]:
        """Date -> "" when a restorable manifest is there and all files have its sizes, else what is wrong."""
        client, bucket = self.place()
        found = {key.partition("/")[0] for key in listing(client, bucket, "")}
        out: dict[str, str] = {}
        for date in sorted(d for d in found if valid_date(d)):
            try:
                self.manifest(date)
                out[date] = ""
            except DrError as error:
                out[date] = error.summary
        return out

    def manifest(self, date: str) -> Manifest:
        """The manifest of a complete backup. Raises BadInput, Failed with every problem."""
        if not valid_date(date):
            raise BadInput(
                f"{date!r} is no day as YYYYMMDD", "a backup is named by its day", "dr backup list"
            )
        client, bucket = self.place()
        sizes = {
            key.removeprefix(f"{date}/"): size for key, size in listing(client, bucket, f"{date}/").items()
        }
        if MANIFEST not in sizes:
            raise Failed(
                f"the backup of {date} has no {MANIFEST}" if sizes else f"there is no backup of {date}",
                "it was not finished, or is not there: nothing may be stopped for it",
                "dr backup list",
            )
        try:
            made = parse(
                json.loads(client.get_object(Bucket=bucket, Key=f"{date}/{MANIFEST}")["Body"].read()), date
            )
        except ValueError as exc:
            raise Failed(
                f"the backup of {date} cannot be used: {exc}",
                "a restore from it cannot be trusted",
                "dr backup list",
            ) from exc
        if problems := incomplete(made, sizes):
            raise Failed(
                f"the backup of {date} is not complete: {'; '.join(problems[:5])}",
                "a restore from it would lose data silently",
                "dr backup list",
            )
        return made

    def download(self, manifest: Manifest, folder: Path) -> None:
        """Every file, with its checksum proven. Raises Failed."""
        client, bucket = self.place()
        for key, wanted in manifest.files.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, f"{manifest.date}/{key}", str(path))
            if entry(path) != wanted:
                raise Failed(
                    f"{manifest.date}/{key} is not what was backed up (checksum)",
                    "a restore from it would bring back damaged data",
                    "dr backup list",
                )

    def verify(self, date: str) -> dict[str, int]:
        """Complete, sound, and restorable: into a scratch database, which is dropped again. Returns its rows."""
        manifest = self.manifest(date)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.download(manifest, folder)
            server = self.primary()
            scratch = on_database(server, SCRATCH)
            _recreate(server, SCRATCH)
            try:
                _load(self.site, scratch, folder / DUMP)
                rows = counts(scratch)
            finally:
                server.ask(
                    f'DROP DATABASE IF EXISTS "{SCRATCH}" WITH (FORCE)', database="postgres", seconds=60
                )
        if rows != dict(manifest.rows):
            raise Failed(
                f"the dump of {date} restores {rows}, the manifest says {dict(manifest.rows)}",
                "it would not bring back what was backed up",
                "dr backup list",
            )
        return rows

    def restored(self, date: str) -> bool:
        """Does the live database carry this backup's mark?"""
        manifest, server = self.manifest(date), self.primary()
        found = server.ask(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        )
        return bool(found) and found[0][0] == mark(manifest)

    def restore(self, date: str) -> dict[str, int]:
        """Replace the database by the dump. The mark is written last."""
        manifest, server = self.manifest(date), self.primary()
        name = urlsplit(server.dsn).path.lstrip("/")
        with tempfile.TemporaryDirectory() as folder:
            self.download(manifest, Path(folder))
            _recreate(server, name)
            _load(self.site, server, Path(folder) / DUMP)
        rows = counts(server)
        if rows != dict(manifest.rows):
            raise Failed(
                f"restored {rows}, the manifest says {dict(manifest.rows)}",
                "data is missing",
                f"dr recover --level 5 --date {date}",
            )
        server.ask(f"COMMENT ON DATABASE \"{name}\" IS '{mark(manifest)}'")
        return rows

    def storage(self, date: str, overwrite: bool) -> dict[str, int]:
        """Write the storage tree back; objects newer than the backup stay unless `overwrite`."""
        manifest = self.manifest(date)
        client, bucket = self.place()
        live = str(self.site.body["buckets"]["storage"])
        done = {"written": 0, "same": 0, "keptNewer": 0}
        modified = {
            e["Key"]: e["LastModified"]
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=live)
            for e in page.get("Contents", [])
        }
        for key, wanted in manifest.files.items():
            if not key.startswith(STORAGE):
                continue
            name = key.removeprefix(STORAGE)
            there = modified.get(name)
            have = (
                hashlib.sha256(client.get_object(Bucket=live, Key=name)["Body"].read()).hexdigest()
                if there
                else ""
            )
            if restores(manifest.at, there, have, wanted, overwrite):
                client.put_object(
                    Bucket=live,
                    Key=name,
                    Body=client.get_object(Bucket=bucket, Key=f"{date}/{key}")["Body"].read(),
                )
                done["written"] += 1
            else:
                done["same" if have == wanted.sha256 else "keptNewer"] += 1
        return done


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""
    backups = Backups(site)

    def verify(args: Mapping[str, Json], call: Call) -> Outcome:
        return ok(rows=backups.verify(str(args["date"])))

    def restored(args: Mapping[str, Json], call: Call) -> Outcome:
        return seen(
            backups.restored(str(args["date"])), call, "the database does not carry the backup's mark"
        )

    def restore(args: Mapping[str, Json], call: Call) -> Outcome:
        if backups.restored(str(args["date"])):  # by an attempt whose end was not seen
            return ok(already=True)
        return ok(rows=backups.restore(str(args["date"])))

    def storage(args: Mapping[str, Json], call: Call) -> Outcome:
        return ok(**backups.storage(str(args["date"]), bool(args.get("overwrite"))))

    return {
        "backup.verify": verify,
        "backup.restored": restored,
        "backup.restore": restore,
        "backup.storage": storage,
    }


def mark(manifest: Manifest) -> str:
    """What a database restored from this backup carries as its comment."""
    return f"restored from {manifest.date} {manifest.files[DUMP].sha256}"


def entry(path: Path) -> Entry:
    """Size and checksum of a file, in bounded memory."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Entry(size, digest.hexdigest())


def listing(client: Any, bucket: str, prefix: str) -> dict[str, int]:
    """Key -> bytes."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {e["Key"]: int(e["Size"]) for page in pages for e in page.get("Contents", [])}


def counts(server: Server) -> dict[str, int]:
    """Table -> rows, of the public schema; the tool's own probe table apart."""
    tables = [
        r[0]
        for r in server.ask(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'dr_probe'"
        )
    ]
    with psycopg.connect(server.dsn, autocommit=True, connect_timeout=5) as connection:
        return {t: _count(connection, t) for t in sorted(tables)}


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    return int(connection.execute(query).fetchall()[0][0])


def on_database(server: Server, name: str) -> Server:
    """The same server, another database."""
    return Server(f"{server.name}/{name}", urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}")))


def _recreate(server: Server, name: str) -> None:
    server.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres", seconds=60)
    server.ask(f'CREATE DATABASE "{name}"', database="postgres", seconds=60)


def _program(site: Site, name: str) -> str:
    return str(Path(site.pg_bin) / name) if site.pg_bin else name


def _dump(site: Site, server: Server, path: Path) -> dict[str, int]:
    """The dump and the rows of each table, of one snapshot (exported by a session that stays open meanwhile)."""
    with psycopg.connect(server.dsn) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(holder.execute("SELECT pg_export_snapshot()").fetchall()[0][0])
        tables = [
            r[0]
            for r in holder.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'dr_probe'"
            ).fetchall()
        ]
        rows = {str(t): _count(holder, str(t)) for t in sorted(tables)}
        command = [
            _program(site, "pg_dump"),
            "--no-owner",
            "--exclude-table=dr_probe",
            f"--snapshot={snapshot}",
            server.dsn,
        ]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child,  # noqa: S603 - our own command
            gzip.open(path, "wb", compresslevel=6) as out,
        ):
            assert child.stdout is not None and child.stderr is not None  # noqa: S101, PT018 - both are pipes
            while chunk := child.stdout.read(CHUNK):
                out.write(chunk)
            said = child.stderr.read().decode(errors="replace")
    if child.returncode:
        raise Failed(
            f"pg_dump ended {child.returncode}: {said[-300:]}", "there is no backup of today", "dr backup run"
        )
    return rows


def _load(site: Site, server: Server, path: Path) -> None:
    """A dump into a database, all or nothing."""
    command = [_program(site, "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "--single-transaction", server.dsn]
    try:
        with gzip.open(path, "rb") as packed, tempfile.TemporaryFile() as plain:
            while chunk := packed.read(CHUNK):
                plain.write(chunk)
            plain.seek(0)
            env = {**os.environ, "PGOPTIONS": ""}
            done = subprocess.run(command, stdin=plain, capture_output=True, check=False, env=env)  # noqa: S603 - our own command
    except (OSError, EOFError) as exc:
        raise Failed(
            f"the dump cannot be unpacked: {exc}", "it was cut short or damaged", "dr backup list"
        ) from exc
    if done.returncode:
        raise Failed(
            f"psql ended {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}",
            "the dump does not restore",
            "dr backup list",
        )
