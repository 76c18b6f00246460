"""What an instance does at its first boot: fetch the API from a container in Azure, check it, start it. Text alone."""

from __future__ import annotations

import base64
from dataclasses import dataclass

IMDS = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/"
"""The instance's own identity service: a link-local address, no network (learn.microsoft.com/entra/identity/
managed-identities-azure-resources/how-to-use-vm-token)."""

_SCRIPT = """\
import hashlib, json, pathlib, shutil, subprocess, tarfile, time, urllib.request
def get(url, headers, tries=60):
    for left in range(tries, 0, -1):  # a role, a name or a network may be young
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
                return answer.read()
        except OSError:
            if left == 1:
                raise
            time.sleep(5)
token = json.loads(get("{imds}", {{"Metadata": "true"}}))["access_token"]
signed = {{"Authorization": "Bearer " + token, "x-ms-version": "2021-12-02"}}
url = "https://{account}.blob.core.windows.net/artifacts/{artifact}"
wanted = "{sha256}" or get(url + ".sha256", signed).decode().split()[0]
data = get(url, signed)
found = hashlib.sha256(data).hexdigest()
if found != wanted:
    raise SystemExit(f"the artifact has digest {{found}}, not {{wanted}}: it is not started")
home = pathlib.Path("/opt/image-app")
shutil.rmtree(home, ignore_errors=True)
home.mkdir(parents=True)
archive = home.with_suffix(".tar.gz")
archive.write_bytes(data)
with tarfile.open(archive) as packed:
    # Images with Python 3.11.3 or older (Debian 12) know no filters; what is unpacked has the digest that is wanted.
    packed.extractall(home, **({{"filter": "data"}} if hasattr(tarfile, "data_filter") else {{}}))
subprocess.run(["systemctl", "enable", "--now", "image-app-api"], check=True)
"""

_UNIT = """\
[Unit]
Description=the image API
After=network-online.target
[Service]
ExecStart=/opt/image-app/bin/start --port {port}
Restart=always
RestartSec=2
DynamicUser=yes
ProtectSystem=strict
NoNewPrivileges=yes
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Boot:
    """account: the storage account that holds the artifact. sha256: its digest, "" for the file beside it."""

    account: str
    artifact: str
    sha256: str
    port: int


def cloud_init(boot: Boot) -> str:
    """The cloud-config document. Nothing in it is fetched from outside Azure, and no package manager runs."""
    script = _SCRIPT.format(imds=IMDS, account=boot.account, artifact=boot.artifact, sha256=boot.sha256)
    unit = _UNIT.format(port=boot.port)
    return (
        "#cloud-config\npackage_update: false\npackage_upgrade: false\nwrite_files:\n"
        + _file("/usr/local/sbin/install-api.py", script, "0700")
        + _file("/etc/systemd/system/image-app-api.service", unit, "0644")
        + "runcmd:\n  - [python3, /usr/local/sbin/install-api.py]\n"
    )


def _file(path: str, content: str, mode: str) -> str:
    text = base64.b64encode(content.encode()).decode()
    return f'  - path: {path}\n    permissions: "{mode}"\n    encoding: b64\n    content: {text}\n'
