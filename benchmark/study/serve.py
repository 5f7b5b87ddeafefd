"""Serves a study to its raters, one process for one study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError
from benchmark.study.new import LINKS, load
from benchmark.study.store import Store
from manifests.text import printable

_THREADS: Final = 8


def serve(folder: Path, host: str = "127.0.0.1", port: int = 8000, note: Callable[[str], None] = print) -> None:
    """Serve until the process ends; every acknowledged answer is on the disk, however it ends.

    A second server of the same study is refused.

    Args:
        folder: that `moee study new` made.
        host, port: where to listen; port 0 takes a free one.
        note: takes sentences for the user.

    Raises:
        BenchmarkError: there is no study, it is being served, or the port is taken: one sentence.
    """
    import waitress

    from benchmark.study.web import MOST_BODY, Server
    from manifests.errors import ManifestError
    from manifests.files import exclusive

    study, sha256 = load(folder)
    try:
        with exclusive(folder):
            application = Server(folder, study, Store(folder, sha256, write=True))
            try:
                server = waitress.create_server(
                    application, host=host, port=port, threads=_THREADS, ident=None,
                    max_request_body_size=2 * MOST_BODY, clear_untrusted_proxy_headers=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                raise BenchmarkError(f"{printable(host)} port {port} cannot be opened: {error}.") from error
            places = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
            where = f"[{host}]" if ":" in host else host
            note(
                f"serving {study.title} at http://{where}:{places[0][1]}/r/...; their links are "
                f"in {folder / LINKS}; Ctrl-C ends it, and every stored answer stays"
            )
            server.run()
    except ManifestError as error:
        said = str(error)
        if said.startswith("Another run"):
            said = f"This study is being served already: {printable(str(folder))} (end that server first)."
        raise BenchmarkError(said) from error
