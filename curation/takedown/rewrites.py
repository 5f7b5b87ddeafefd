"""What stays but must not speak of what goes: results of shared sources, and the lists of downloads and contents."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from curation.contents import FILE as CONTENTS
from curation.fetched import FOLDER
from curation.takedown.scope import Scope, remaining
from manifests.files import plain_errors, replace, write_aside
from manifests.store import COMMIT, Store

_TABLES: Final = ("downloads.parquet", "link_rot.parquet")


def rewrite_results(root: Path, scope: Scope) -> None:
    """Every current result of a shared source without the person's tracks and clips; doing it again changes nothing."""
    store = Store(root)
    for source in sorted(scope.spans):
        head = store.head(source)
        for part in list(store.current(head)) if head is not None else ():
            tables = {
                name: remaining(name, store.read(source, part.stage, part.key, name), scope) for name in part.tables
            }
            outcomes = [outcome for outcome in part.outcomes if outcome.item not in scope.clips]
            store.commit(source, part.stage, part.key, tables, outcomes)
            new = store.part(source, part.stage, part.key)
            named = {COMMIT, *(entry.file for entry in new.tables.values())}
            for path in part.folder.iterdir():
                if path.name not in named:
                    path.unlink()


def rewrite_lists(root: Path, scope: Scope) -> None:
    """`.contents.jsonl`, `downloads.jsonl`, the tables beside it and those of a rebuild, without lines on what goes."""
    from curation.download.ledger import NAME
    from curation.rebuild.folder import LINK_ROT, TABLE

    contents = set(scope.values.get("content", ()))
    urls = set(scope.values.get("url", ()))
    files = _download_names(urls)
    _keep_lines(
        root / CONTENTS,
        lambda row: (
            row.get("sha256") not in contents
            and Path(str(row.get("path")).strip("'\"")).name.split(".")[0] not in files
        ),
    )
    _keep_lines(root / FOLDER / NAME, lambda row: row.get("url") not in urls and row.get("sha256") not in contents)
    for name in _TABLES:
        _keep_rows(root / FOLDER / name, {"url": urls, "sha256": contents})
    _keep_rows(root / LINK_ROT, {"url": urls, "source": scope.sources})
    _keep_rows(root / TABLE, {"source": scope.sources, "clip": scope.clips})


def _download_names(urls: set[str]) -> set[str]:
    from curation.download.model import Remote

    return {Remote(url).key for url in urls}


def _keep_lines(path: Path, stays: Callable[[dict[str, Any]], bool]) -> None:
    """A file of JSON lines without some; a line that is cut off goes too."""
    if not path.is_file():
        return
    lines = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and stays(row):
            lines.append(line + b"\n")
    with plain_errors(path.parent):
        aside, _ = write_aside(path.parent, path.name, lambda file: file.write(b"".join(lines)))
        replace(aside, path)


def _keep_rows(path: Path, values: Mapping[str, Iterable[str]]) -> None:
    """A table without the rows that hold one of the values in the column of that name."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from curation.download.table import write_parquet

    if not path.is_file():
        return
    table = pq.read_table(path)
    for name, wanted in values.items():
        if name in table.column_names:
            gone = pc.is_in(table.column(name), value_set=pa.array(sorted(wanted), pa.string()))
            table = table.filter(pc.invert(gone))
    write_parquet(table, path)


def forget_download(root: Path, url: str, sha256: str) -> None:
    """A download that turned out to be what was taken down, from another address: its file and lines go."""
    from curation.takedown.disk import delete, files_of

    scope = Scope(values={"url": (url,), "content": (sha256,)})
    delete(root, [gone for gone in files_of(root, scope, hashed=False) if gone.what == "download"])
    rewrite_lists(root, scope)
