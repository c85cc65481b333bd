"""A made set with the name, the files and the form of WNUT-17, a few words long, for tests that need one to be there."""

import hashlib
import json

from shared import datasets

NAME = "wnut17"
CONTENTS = {
    f"{NAME}/wnut17train.conll": "ESB\tB-location\n.\tO\n\t\nhello\tO\n".encode() * 300,
    f"{NAME}/emerging.dev.conll": "Kraków\tB-location\n".encode(),
    f"{NAME}/emerging.test.annotated": b"hello\tO\n\nyou\tO\n",
}
LOADED = {
    "train": [(["ESB", "."], ["B-location", "O"]), (["hello", "ESB", "."], ["O", "B-location", "O"])],       # and so on
    "dev": [(["Kraków"], ["B-location"])],
    "test": [(["hello"], ["O"]), (["you"], ["O"])],
}


def install(monkeypatch, folder, address="http://127.0.0.1:9"):
    """Make it the only set there is, with an empty cache in `folder`, and return the cache's path."""
    files = [{"path": path, "url": f"{address}/{path}", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
             for path, content in CONTENTS.items()]
    about = {"title": "Made", "task": "none", "licence": "free", "citation": "us", "note": "small", "repository": "here"}
    (folder / "datasets.json").write_text(json.dumps({NAME: about | {"files": files}}), encoding="utf-8")
    monkeypatch.setattr(datasets, "MANIFEST", folder / "datasets.json")
    monkeypatch.setattr(datasets, "CACHE", folder / "cache")
    monkeypatch.delenv("LESSON_DATA", raising=False)
    return folder / "cache"


def place(folder, *paths):
    """Write those of the set's files, by default all of them, into a folder."""
    for path in paths or CONTENTS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(CONTENTS[path])


def lying_in(folder):
    """{path: content} of every file in a folder, be it a hidden or a half one."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
