"""Publishes a model to the Hub: its folder as it is, a model card, and the results bundle that it was scored with."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from manifests.errors import ManifestError
from manifests.files import file_hash
from manifests.publish import gate, made_of, model_card, versions
from manifests.publish.head import LICENCE_FILE
from manifests.publish.languages import checked
from manifests.publish.markdown import many
from manifests.publish.push import Outgoing, Say, record_at
from manifests.publish.remote import Remote, repo_of
from manifests.publish.sending import check_visibility, outgoing, send
from manifests.publish.target import CARD, FORMAT, RECORD
from manifests.publish.to_hub import Pushed
from manifests.text import printable

INDEX: Final = "model_index.json"
FORM: Final = "model"
_RESULTS: Final = "results"  # folder of the bundle's files
_OF_BUNDLE: Final = ("bundle.json", "results.json", "inputs.json")  # no features: these hold what faces look like


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return (folder / INDEX).is_file()


def publish_model(
    folder: str | Path,
    to: str,
    *,
    bundle: str | Path | None = None,
    private: bool = False,
    licence: str | None = None,
    pretty_name: str | None = None,
    languages: Sequence[str] = (),
    allow: Sequence[str] = (),
    dry_run: bool = False,
    say: Say = lambda words: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Publish a model to a model repository of the Hub.

    Args:
        folder: with model_index.json, as `moee train` writes it; every file goes along as it is, hidden ones do not.
        to: `hf:ORG/NAME`. bundle: a folder that `moee bench run` wrote; its numbers go into the card, its record along.
        private: of a repository that is made. licence, pretty_name, languages: for the card.
        allow: `unlicensed`, for a public model without a licence or trained on clips without one, and networks inside
            that forbid commercial use.
        dry_run: make the plan and send nothing. say: told the plan and the progress. sleep: waits so many seconds.

    Raises:
        ManifestError: no model, no licence and not allowed, no token, a repository that is not ours, a Hub that fails.
    """
    name, root = repo_of(to), Path(folder)
    if not is_model(root):
        raise ManifestError(f"{printable(str(root))} holds no {INDEX}: give the folder of a model, as RUN/model.")
    _check(root, licence, private, allow)
    files = dict(_files(root))
    results = {} if bundle is None else _bundle(Path(bundle), files)
    remote = Remote(name, FORM, say=say, sleep=sleep)
    remote.check_login()
    head = remote.head()
    check_visibility(remote, head, private)
    former = record_at(remote, head)
    shown = pretty_name or name.partition("/")[2]
    card = model_card.card(root, shown, name, licence, sorted(allow), results, list(checked(languages)))
    if licence is not None and model_card.wants_file(licence):
        files.setdefault(LICENCE_FILE, Outgoing.of(model_card.licence_words(shown, licence).encode()))
    for place in made_of.places_in(root):
        say(f"{made_of.CONFIG} names {printable(place)}, a place on this machine, and goes along as it is")
    key = hashlib.sha256(json.dumps([card, sorted((n, f.sha256) for n, f in files.items())]).encode()).hexdigest()
    tags = () if head is None else head.tags
    changes = "the first one" if not former else _changes(former, files)
    known = versions.with_next(versions.of_record(former), tags, key, key, 0, changes)
    record = {"moee_publish": FORMAT, "form": FORM, "key": key, "whole": True, "of": {"state": key}}
    sent = send(remote, head, outgoing(files, card, record, known), known, private, dry_run, say, sleep)
    return Pushed(**{**sent, "allowed": list(allow)})


def _check(root: Path, licence: str | None, private: bool, allow: Sequence[str]) -> None:
    """Stop a public push of what was not named.

    Raises:
        ManifestError: no licence, of the model or of clips that it was trained on, or a network inside that forbids
            commercial use.
    """
    bound = made_of.noncommercial(root)
    unknown = [name for name in allow if name != gate.UNLICENSED and name not in bound]
    if unknown:
        known = ", ".join([gate.UNLICENSED, *bound])
        raise ManifestError(
            f"--allow {printable(unknown[0])} names nothing that stands in the way here; what can be named: {known}."
        )
    if private:
        return
    if licence is None and gate.UNLICENSED not in allow:
        raise ManifestError(
            f"The model {printable(str(root))} has no stated licence: give --license, publish with --private, or say "
            f"--allow {gate.UNLICENSED}."
        )
    lineage = made_of.lineage_of(root)
    if lineage is not None and lineage.unlicensed and gate.UNLICENSED not in allow:
        of = many(lineage.clips, "clip")
        raise ManifestError(
            f"{lineage.unlicensed:,} of the {of} that {printable(str(root))} was trained on have no stated licence: "
            f"publish with --private, or say --allow {gate.UNLICENSED} if you may share it."
        )
    gate.check(gate.Found(models={name: f"its part for the {does}" for name, does in bound.items()}), _models(allow))


def _models(allow: Sequence[str]) -> list[str]:
    return [name for name in allow if name != gate.UNLICENSED]


def _files(root: Path) -> Iterator[tuple[str, Outgoing]]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or any(part.startswith(".") for part in Path(name).parts) or name in (CARD, RECORD):
            continue
        if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl"):
            raise ManifestError(f"{printable(name)} may run code when it is loaded: publish safetensors only.")
        held = file_hash(path)
        yield name, Outgoing(path, held.bytes, held.sha256)


def _bundle(folder: Path, files: dict[str, Outgoing]) -> dict[str, Any]:
    """Put the bundle's record beside the model, and return its results."""
    try:
        content: dict[str, Any] = json.loads((folder / "results.json").read_bytes())
        seal = json.loads((folder / "bundle.json").read_bytes())["files"]["results.json"]["sha256"]
        lines = content["metrics"], content["protocol"]["name"], content["system"]["name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            f"{printable(str(folder))} is no whole results bundle: run moee bench verify on it."
        ) from error
    held = {name: file_hash(folder / name) for name in _OF_BUNDLE if (folder / name).is_file()}
    if held["results.json"].sha256 != seal or not all(lines):
        raise ManifestError(f"{printable(str(folder))}/results.json was changed: run moee bench verify on the bundle.")
    files |= {f"{_RESULTS}/{name}": Outgoing(folder / name, one.bytes, one.sha256) for name, one in held.items()}
    return content


def _changes(former: Mapping[str, Any], files: Mapping[str, Outgoing]) -> str:
    before = {name: entry.get("sha256") for name, entry in former.get("files", {}).items() if name != CARD}
    changed = sum(before.get(name) != file.sha256 for name, file in files.items())
    return f"{changed} files new or changed, {len(set(before) - set(files))} gone"
