"""A small Hub for tests: the upload and read API of huggingface.co over real HTTP, kept in a folder, with faults."""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOKEN: Final = "hf_of_the_tests"
PAGE: Final = 1_000  # entries of a page of a tree
_LFS: Final = (".parquet", ".mp4", ".m4a", ".png", ".safetensors")
_LARGE: Final = 10 << 20  # bytes above which a file goes to LFS whatever its name
_KINDS: Final = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass
class Fault:
    """What goes wrong, how often, and for which requests.

    Attributes:
        kind: `status` answers it, `reset` breaks the connection off in the middle of a body, `conflict` is a 412,
            `hold` waits for `HubServer.go_on`, `alter` does it and then changes the file `target`.
        path: a pattern that the path of the request matches. method: of the request.
        times: how many requests meet it, after the first `skip`. status, retry_after: of
            the answer.
    """

    kind: str
    path: str
    method: str = "POST"
    times: int = 1
    status: int = 503
    retry_after: int | None = None
    target: str = ""
    skip: int = 0


@dataclass
class Asked:
    """A request that was answered: body bytes in, status out (0: broken off)."""

    method: str
    path: str
    status: int
    received: int = 0


@dataclass
class HubServer:
    """The server; use it as a context manager. What it was given lies below `folder` and outlasts it.

    Attributes:
        folder: its disk. faults: what goes wrong, in order.
        part_bytes: a larger file is asked for in parts of so much.
        asked: every request with its answer.
    """

    folder: Path
    faults: list[Fault] = field(default_factory=list)
    part_bytes: int = 8 << 20
    asked: list[Asked] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> "HubServer":
        (self.folder / "objects").mkdir(parents=True, exist_ok=True)
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def env(self, home: Path) -> dict[str, str]:
        """The environment in which huggingface_hub and datasets speak to this server, with their caches in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Take the next fault that this request meets."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def uploads(self) -> list[Asked]:
        """The requests that brought the bytes of a file or a part of one, and were answered well."""
        return [one for one in self.asked if one.method == "PUT" and one.status == 200]

    def path_of(self, kind: str, name: str) -> Path:
        """The file that holds a repository's commits."""
        return self.folder / "repos" / kind / f"{name.replace('/', '@')}.json"

    def repo(self, kind: str, name: str) -> dict[str, Any] | None:
        """A repository: private, commits (id, title, files), tags; None where there is none."""
        try:
            content: dict[str, Any] = json.loads(self.path_of(kind, name).read_text())
        except FileNotFoundError:
            return None
        return content

    def keep(self, kind: str, name: str, repo: Mapping[str, Any]) -> None:
        """Write a repository so that a kill leaves the former state."""
        path = self.path_of(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{threading.get_ident()}")
        aside.write_text(json.dumps(repo))
        aside.replace(path)

    def files(self, name: str, kind: str = "dataset") -> dict[str, dict[str, Any]]:
        """Path -> entry of the newest commit."""
        repo = self.repo(kind, name)
        assert repo is not None, f"no repository {name}"
        found: dict[str, dict[str, Any]] = repo["commits"][-1]["files"]
        return found

    def content(self, name: str, path: str, kind: str = "dataset") -> bytes:
        """The bytes of a file of the newest commit."""
        return (self.folder / "objects" / self.files(name, kind)[path]["sha256"]).read_bytes()

    def alter(self, name: str, path: str, kind: str = "dataset") -> None:
        """Somebody else changes a file: another content under the same name, in the same commit."""
        changed = bytearray(self.content(name, path, kind))
        changed[len(changed) // 2] ^= 0xFF
        repo = self.repo(kind, name)
        assert repo is not None
        held = repo["commits"][-1]["files"]
        held[path] = self.store(bytes(changed), held[path]["lfs"])
        self.keep(kind, name, repo)

    def rot(self, name: str, path: str, kind: str = "dataset") -> None:
        """The disk changes a file: other bytes under the hash that was promised."""
        place = self.folder / "objects" / self.files(name, kind)[path]["sha256"]
        changed = bytearray(place.read_bytes())
        changed[len(changed) // 2] ^= 0xFF
        place.write_bytes(bytes(changed))

    def store(self, content: bytes, lfs: bool) -> dict[str, Any]:
        """Keep bytes by their hash, and return the entry of a commit."""
        sha256 = hashlib.sha256(content).hexdigest()
        place = self.folder / "objects" / sha256
        aside = place.with_name(f".{sha256}.{threading.get_ident()}")
        aside.write_bytes(content)
        aside.replace(place)
        return entry_of(sha256, len(content), lfs, _git_hash(content))


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry_of(sha256: str, size: int, lfs: bool, oid: str) -> dict[str, Any]:
    """What a commit says of a file."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    return {"sha256": sha256, "size": size, "lfs": lfs, "oid": _git_hash(pointer) if lfs else oid}


class _Reply(Exception):  # noqa: N818
    """An answer: thrown, so that every depth can give it."""

    def __init__(self, status: int, content: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.headers = status, dict(headers or {})
        self.body = (
            content if isinstance(content, bytes) else json.dumps(content if content is not None else {}).encode()
        )


def _missing(what: str) -> _Reply:
    return _Reply(404, {"error": f"{what} not found"}, {"X-Error-Code": what, "X-Error-Message": f"{what} not found"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        path = parts.path
        fault = self.hub.fault_for(self.command, unquote(path))
        if fault is not None and fault.kind == "reset" and self.command != "GET":
            self._break_off(path)
            return
        if fault is not None and fault.kind == "hold":
            self.hub.go_on.wait()
            self._break_off(path)
            return
        body = self._body()
        try:
            if fault is not None and fault.kind in ("status", "conflict"):
                self._fail(fault)
            self._route(path, body)
            raise _missing("EntryNotFound")
        except _Reply as reply:
            if fault is not None and fault.kind == "alter":
                self.hub.alter(path.split("/")[3] + "/" + path.split("/")[4], fault.target)
            self._send(reply, path, len(body), broken=fault is not None and fault.kind == "reset")

    def _fail(self, fault: Fault) -> None:
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        raise _Reply(412 if fault.kind == "conflict" else fault.status, {"error": "injected"}, headers)

    def _break_off(self, path: str) -> None:
        """Read half of what is sent and reset the connection."""
        half = int(self.headers.get("Content-Length") or 0) // 2
        try:
            received = len(self.rfile.read(half))
        except ConnectionError:
            received = 0
        self.hub.asked.append(Asked(self.command, unquote(path), 0, received))
        self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _send(self, reply: _Reply, path: str, received: int, broken: bool) -> None:
        self.hub.asked.append(Asked(self.command, unquote(path), 0 if broken else reply.status, received))
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(reply.body[: len(reply.body) // 2] if broken else reply.body)
        if broken:
            self.wfile.flush()
            self._reset()

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _route(self, path: str, body: bytes) -> None:
        if path.startswith("/lfs/"):
            self._lfs(path.split("/")[2:], body)
        if path == "/api/whoami-v2":
            self._writer()
            raise _Reply(200, {"type": "user", "name": "tester", "orgs": [{"name": "org"}]})
        if path == "/api/validate-yaml":
            raise _Reply(200, _validated(json.loads(body)))
        if path == "/api/repos/create":
            self._create(json.loads(body))
        if batch := re.fullmatch(r"/(datasets/|spaces/|)([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            self._batch(json.loads(body), _KINDS.get(batch[1].rstrip("/"), "model"), batch[2])
        if api := re.fullmatch(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(/.*)?", path):
            self._api(_KINDS[api[1]], unquote(api[2]), [unquote(part) for part in (api[3] or "").split("/")[1:]], body)
        if file := re.fullmatch(r"/(datasets/|spaces/|)([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(_KINDS.get(file[1].rstrip("/"), "model"), file[2], unquote(file[3]), unquote(file[4]))

    def _writer(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Reply(401, {"error": "Invalid username or password."})

    def _create(self, asked: Mapping[str, Any]) -> None:
        self._writer()
        kind, name = asked.get("type") or "model", f"{asked.get('organization') or 'tester'}/{asked['name']}"
        url = f"{self.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        with self.hub.lock:
            if self.hub.repo(kind, name) is not None:
                raise _Reply(409, {"error": "You already created this repo", "url": url})
            first = {".gitattributes": self.hub.store(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", False)}
            commits = [{"id": _commit_id(None, "initial commit", first), "title": "initial commit", "files": first}]
            private = asked.get("visibility") == "private" or asked.get("private") is True
            self.hub.keep(kind, name, {"private": private, "commits": commits, "tags": {}})
        raise _Reply(200, {"url": url, "name": name})

    def _batch(self, asked: Mapping[str, Any], kind: str, name: str) -> None:
        self._writer()
        self._repo(kind, name)
        raise _Reply(200, {"transfer": "basic", "objects": [self._action(entry) for entry in asked["objects"]]})

    def _action(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        oid, size = entry["oid"], entry["size"]
        if (self.hub.folder / "objects" / oid).exists():
            return {"oid": oid, "size": size}
        place, part = f"{self.hub.url}/lfs/{oid}", self.hub.part_bytes
        upload: dict[str, Any] = {"href": place}
        if size > part:
            numbers = range(1, -(-size // part) + 1)
            parts = {f"{number:05d}": f"{place}/{number}" for number in numbers}
            upload = {"href": f"{place}/complete", "header": {"chunk_size": str(part), **parts}}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": {"href": f"{place}/verify"}}}

    def _lfs(self, parts: list[str], body: bytes) -> None:
        oid, what = parts[0], parts[1] if len(parts) > 1 else ""
        pieces = self.hub.folder / "parts" / oid
        if what == "verify":
            raise _Reply(200 if (self.hub.folder / "objects" / oid).exists() else 404)
        if what == "complete":
            numbers = [part["partNumber"] for part in json.loads(body)["parts"]]
            body = b"".join((pieces / str(number)).read_bytes() for number in numbers)
        elif what:
            pieces.mkdir(parents=True, exist_ok=True)
            (pieces / what).write_bytes(body)
            raise _Reply(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if hashlib.sha256(body).hexdigest() != oid:
            raise _Reply(400, {"error": "hash mismatch"})
        self.hub.store(body, True)
        raise _Reply(200)

    def _repo(self, kind: str, name: str) -> dict[str, Any]:
        repo = self.hub.repo(kind, name)
        if repo is None or (repo["private"] and self.headers.get("Authorization") != f"Bearer {TOKEN}"):
            raise _missing("RepoNotFound")
        return repo

    def _commit(self, repo: Mapping[str, Any], revision: str) -> dict[str, Any]:
        wanted = repo["commits"][-1]["id"] if revision == "main" else repo["tags"].get(revision, revision)
        found = next((commit for commit in repo["commits"] if commit["id"] == wanted), None)
        if found is None:
            raise _missing("RevisionNotFound")
        assert isinstance(found, dict)
        return found

    def _api(self, kind: str, name: str, parts: list[str], body: bytes) -> None:
        repo, what = self._repo(kind, name), parts[0] if parts else ""
        if what in ("", "revision"):
            self._info(name, repo, self._commit(repo, parts[1] if parts else "main"))
        if what == "tree":
            self._tree(self._commit(repo, parts[1]), "/".join(parts[2:]))
        if what == "paths-info":
            self._paths(self._commit(repo, parts[1]), body)
        if what == "refs":
            head = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo["commits"][-1]["id"]}
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": to} for tag, to in repo["tags"].items()]
            named = repo.get("branches", {}).items()  # somebody else's
            others = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": to} for name, to in named]
            raise _Reply(200, {"branches": [head, *others], "converts": [], "pullRequests": [], "tags": tags})
        self._writer()
        if what == "preupload":
            self._preupload(self._commit(repo, parts[1]), json.loads(body))
        with self.hub.lock:
            repo = self._repo(kind, name)
            if what == "commit":
                self._add(kind, name, repo, body)
            if what == "tag":
                self._tag(kind, name, repo, parts[1], body)
            if what == "super-squash":
                self._squash(kind, name, repo, json.loads(body)["message"])
            if what == "lfs-files":
                self._large(repo, json.loads(body) if parts[1:] == ["batch"] else None)
            if what == "settings":
                self.hub.keep(kind, name, repo | {"private": json.loads(body).get("visibility") == "private"})
                raise _Reply(200)

    def _info(self, name: str, repo: Mapping[str, Any], commit: Mapping[str, Any]) -> None:
        siblings = [{"rfilename": path} for path in sorted(commit["files"])]
        facts = {"id": name, "sha": commit["id"], "private": repo["private"], "siblings": siblings, "tags": []}
        raise _Reply(200, {**facts, "downloads": 0, "likes": 0, "gated": False, "disabled": False})

    def _tree(self, commit: Mapping[str, Any], folder: str) -> None:
        below = f"{folder}/" if folder else ""
        found, deep = {}, self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        for path, entry in commit["files"].items():
            if not path.startswith(below):
                continue
            rest = path.removeprefix(below)
            for parent in list(PurePosixPath(rest).parents)[:-1]:
                if deep or len(parent.parts) == 1:
                    name = below + parent.as_posix()
                    found[name] = {"type": "directory", "path": name, "size": 0, "oid": _commit_id(None, name, {})}
            if deep or "/" not in rest:
                found[path] = _listed(path, entry)
        if folder and not found:
            raise _missing("EntryNotFound")
        first = int(self.query.get("cursor", ["0"])[0])
        names = sorted(found)[first:]
        headers = {}
        if len(names) > PAGE:
            flags = "&".join(f"{key}={value[0]}" for key, value in self.query.items() if key != "cursor")
            headers["Link"] = f'<{self.hub.url}{urlsplit(self.path).path}?{flags}&cursor={first + PAGE}>; rel="next"'
        raise _Reply(200, [found[name] for name in names[:PAGE]], headers)

    def _paths(self, commit: Mapping[str, Any], body: bytes) -> None:
        plain = "json" in (self.headers.get("Content-Type") or "")
        wanted = json.loads(body)["paths"] if plain else parse_qs(body.decode()).get("paths", [])
        listed = [_listed(path, commit["files"][path]) for path in wanted if path in commit["files"]]
        listed += [
            {"type": "directory", "path": path, "size": 0, "oid": _commit_id(None, path, {})}
            for path in wanted
            if any(name.startswith(f"{path}/") for name in commit["files"])
        ]
        raise _Reply(200, listed)

    def _preupload(self, commit: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        listed = []
        for file in asked["files"]:
            held = commit["files"].get(file["path"])
            lfs = file["path"].endswith(_LFS) or file["size"] > _LARGE
            oid = None if held is None else held["sha256"] if held["lfs"] else held["oid"]
            mode = "lfs" if lfs else "regular"
            listed.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        raise _Reply(200, {"files": listed})

    def _add(self, kind: str, name: str, repo: dict[str, Any], body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        head, last = lines[0]["value"], repo["commits"][-1]
        if head.get("parentCommit", last["id"]) != last["id"]:
            raise _Reply(412, {"error": "A commit has happened since. Please refresh and try again."})
        files = dict(last["files"])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = self.hub.store(base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                if not (self.hub.folder / "objects" / value["oid"]).exists():
                    raise _Reply(400, {"error": f"LFS object {value['oid']} was never uploaded"})
                files[value["path"]] = entry_of(value["oid"], value["size"], True, "")
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
            elif line["key"] == "deletedFolder":
                gone = value["path"].rstrip("/") + "/"
                files = {path: entry for path, entry in files.items() if not path.startswith(gone)}
        oid = _commit_id(last["id"], head["summary"], files)
        commits = [*repo["commits"], {"id": oid, "title": head["summary"], "files": files}]
        self.hub.keep(kind, name, repo | {"commits": commits})
        url = f"{self.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}/commit/{oid}"
        raise _Reply(200, {"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def _tag(self, kind: str, name: str, repo: dict[str, Any], revision: str, body: bytes) -> None:
        tags = dict(repo["tags"])
        if self.command == "DELETE":
            if tags.pop(revision, None) is None:
                raise _missing("RevisionNotFound")
        else:
            wanted = json.loads(body)["tag"]
            if wanted in tags:
                raise _Reply(409, {"error": "Tag reference exists already"})
            tags[wanted] = self._commit(repo, revision)["id"]
        self.hub.keep(kind, name, repo | {"tags": tags})
        raise _Reply(200)

    def _squash(self, kind: str, name: str, repo: Mapping[str, Any], title: str) -> None:
        files = repo["commits"][-1]["files"]
        only = {"id": _commit_id(None, title, files), "title": title, "files": files}
        self.hub.keep(kind, name, {**repo, "commits": [only]})
        raise _Reply(200)

    def _large(self, repo: Mapping[str, Any], asked: Mapping[str, Any] | None) -> None:
        """List the large files on the disk, or delete some for good; small ones go with their last commit."""
        objects = self.hub.folder / "objects"
        small = {file["sha256"] for commit in repo["commits"] for file in commit["files"].values() if not file["lfs"]}
        if asked is not None:
            for oid in asked["deletions"]["sha"]:
                (objects / oid).unlink()
            raise _Reply(200)
        listed = [
            {"fileOid": path.name, "filename": "x", "oid": path.name, "pushedAt": "2026-01-01T00:00:00.000Z"}
            | {"ref": None, "size": path.stat().st_size, "pusher": None}
            for path in sorted(objects.iterdir())
            if path.name not in small
        ]
        raise _Reply(200, listed)

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        commit = self._commit(self._repo(kind, name), revision)
        entry = commit["files"].get(path)
        if entry is None:
            raise _missing("EntryNotFound")
        content = (self.hub.folder / "objects" / entry["sha256"]).read_bytes()
        etag = entry["sha256"] if entry["lfs"] else entry["oid"]
        headers = {
            "ETag": f'"{etag}"',
            "X-Repo-Commit": commit["id"],
            "Accept-Ranges": "bytes",
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(PurePosixPath(path).name)}",
        }
        if entry["lfs"]:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(entry["size"])}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            raise _Reply(200, content, headers)
        first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
        if first >= len(content):
            raise _Reply(416, {}, {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        raise _Reply(206, content[first : last + 1], headers)


def _listed(path: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "file", "path": path, "size": entry["size"], "oid": entry["oid"]}
    if entry["lfs"]:
        shown["lfs"] = {"oid": entry["sha256"], "size": entry["size"], "pointerSize": 134}
    return shown


def _commit_id(parent: str | None, title: str, files: Mapping[str, Any]) -> str:
    return hashlib.sha1(json.dumps([parent, title, files], sort_keys=True).encode()).hexdigest()


def _validated(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the Hub says of a card: its head must be YAML that is a mapping."""
    import yaml

    head = re.match(r"\s*---[\r\n]+([\s\S]*?)[\r\n]+---", asked["content"])
    try:
        content = yaml.safe_load(head[1]) if head else {}
    except yaml.YAMLError as error:
        return {"errors": [{"message": str(error)}], "warnings": []}
    wrong = [] if isinstance(content, dict) else [{"message": "the head must be a mapping"}]
    return {"errors": wrong, "warnings": []}
