"""A model hub with one model, as far as a download asks it: the list of files of a revision, and each file (huggingface.co's API)."""

import hashlib
import json
from pathlib import Path

from tests.fakes.management import ManagementServer, Reply

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ManagementServer):
    """Serves the files of a folder as the model `name`; `gated` asks for terms first."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__()
        self.name = name
        self.folder = folder
        self.gated = False

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        path = path.partition("?")[0]
        if f"/{self.name}/" not in f"{path}/":
            return Reply(404, document={"error": "Repository not found"}, headers={"X-Error-Code": "RepoNotFound"})
        if self.gated:
            return Reply(403, document={"error": "gated"}, headers={"X-Error-Code": "GatedRepo"})
        if "/tree/" in path:
            return Reply(document=[self._entry(file) for file in sorted(self.folder.iterdir())])
        if path.startswith("/api/models/"):
            files = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(self.folder.iterdir())]
            return Reply(document={"id": self.name, "sha": COMMIT, "siblings": files})
        content = (self.folder / path.rpartition("/")[2]).read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return Reply(content=content, headers=headers)

    @staticmethod
    def _entry(file: Path) -> dict[str, object]:
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": hashlib.sha1(file.read_bytes()).hexdigest()}


def write_config(folder: Path, **settings: object) -> None:
    """A config.json alone: a model without weights."""
    (folder / "config.json").write_text(json.dumps(settings))
