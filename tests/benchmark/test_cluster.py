"""The benchmark on a Ray cluster: the same bytes, a lost process costs what it worked on, a blind node is named."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

import ray

from benchmark.bundle import DeviceFacts, device, verify
from benchmark.cluster import FEATURES, NETWORKS, PICTURES, Cluster, _ends, _Lot, _lot_size, _Program, _program
from benchmark.errors import BenchmarkError
from benchmark.extract import Extraction, Pair, extract
from benchmark.ladder import climb
from benchmark.ladder.measure import measure
from benchmark.protocol import load_protocol
from benchmark.record import _device
from curation.engines.cluster import RayEngine
from curation.engines.item import Finished
from tests.benchmark.extract.made import moving, settings
from tests.benchmark.ladder.material import protocol_file, testset

HERE = Cluster(workers=2)
TIMES = ("seconds", "made_at")  # two local runs differ in them too


@pytest.fixture(scope="module", autouse=True)
def own_ray() -> Iterator[None]:
    """A Ray of these tests, which believes in a GPU."""
    ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=1 << 27)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    testset(folder / "set", load_protocol(str(protocol_file(folder))))
    return folder


def contents(bundle: Path) -> dict[str, Any]:
    """All of a bundle's files; of the results, all but the clock."""
    found: dict[str, Any] = {
        path.relative_to(bundle).as_posix(): path.read_bytes() for path in sorted(bundle.rglob("*")) if path.is_file()
    }
    results = json.loads(found.pop("results.json"))
    sealed = json.loads(found.pop("bundle.json"))
    told = {name: entry for name, entry in _named(sealed).items() if name != "results.json"}
    return found | {"results": {key: value for key, value in results.items() if key not in TIMES}, "sealed": told}


def _named(sealed: dict[str, Any]) -> dict[str, Any]:
    files = sealed["files"]
    return files if isinstance(files, dict) else {entry["name"]: entry for entry in files}


# --- the same bytes --------------------------------------------------------------------------------------------------


def test_one_worker_two_workers_and_ray_give_the_same_bundles_and_videos(place: Path, tmp_path: Path) -> None:
    ways: dict[str, dict[str, Any]] = {"one": {"workers": 1}, "two": {"workers": 2}, "ray": {"cluster": HERE}}
    kinds = ("ground-truth", "blurred")
    for name, way in ways.items():
        climb(
            str(place / "blobs.yaml"), place / "set", tmp_path / name, cache=tmp_path / f"{name}-c", kinds=kinds, **way
        )
    for kind in kinds:
        one, two, on_ray = (contents(tmp_path / name / kind) for name in ways)
        assert one == two
        assert one == on_ray
        assert verify(tmp_path / "ray" / kind) == []
    videos = [{path.name: path.read_bytes() for path in (tmp_path / name / "videos").rglob("*.mp4")} for name in ways]
    assert len(videos[0]) == 8 and videos[0] == videos[1] == videos[2]
    kept = [{path.name: path.read_bytes() for path in (tmp_path / f"{name}-c").rglob("*.safetensors")} for name in ways]
    assert kept[0] and kept[0] == kept[1] == kept[2]


def test_what_the_cache_holds_asks_nothing_of_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair("a", moving(tmp_path / "a.mp4"), moving(tmp_path / "b.mp4", 1))]
    first = extract(pairs, settings("pixels", "mse"), tmp_path / "cache", cluster=HERE)
    monkeypatch.setattr(RayEngine, "run", None)
    again = extract(pairs, settings("pixels", "mse"), tmp_path / "cache", cluster=HERE)
    assert first.frames_decoded == 24 and again.frames_decoded == 0


def test_a_ladder_climbs_on_ray_and_leaves_no_marks(place: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"axes": ["noise"], "kinds": [], "steps": 1, "clips": 3}
    ladders = [
        measure(str(place / "blobs.yaml"), place / "set", tmp_path / name, cache=tmp_path / f"{name}-c", **asked, **way)
        for name, way in (("here", {}), ("ray", {"cluster": HERE}))
    ]
    assert ladders[0].ladder is not None and ladders[0].ladder == ladders[1].ladder
    assert not list(tmp_path.rglob(".tmp-*"))


def test_a_bundle_names_every_kind_of_node_that_made_its_features() -> None:
    nodes = (DeviceFacts(cpu="Xeon", cores=8, accelerator="H200"), DeviceFacts(cpu="Epyc", cores=64))
    assert _device(Extraction(devices=nodes)) == DeviceFacts(cpu="Epyc / Xeon", cores=64, accelerator="H200")
    assert _device(Extraction()) == device(), "all of them were kept: this machine read them"


# --- lost processes --------------------------------------------------------------------------------------------------


def die_once(marker: str) -> str:
    path = Path(marker)
    if path.name.startswith("deadly") and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def die(item: str) -> str:
    if Path(item).name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if Path(item).name == "refused":
        raise ValueError("it is refused")
    with Path(item).open("a") as file:
        file.write("done\n")
    return item


def by_index(ends: Iterator[Finished]) -> dict[int, Finished]:
    found = list(ends)
    assert len({end.index for end in found}) == len(found)
    return {end.index: end for end in found}


def test_an_item_whose_process_is_killed_is_done_again_and_counted(tmp_path: Path) -> None:
    items = [str(tmp_path / name) for name in ("a", "deadly", "b")]
    ends = by_index(HERE.run(die_once, items, PICTURES, shared=[tmp_path]))
    assert [ends[place].value for place in range(3)] == ["a", "deadly", "b"]
    assert [ends[place].attempts for place in range(3)] == [1, 2, 1]


def test_an_item_that_kills_every_process_is_given_up_and_the_others_are_done_once(tmp_path: Path) -> None:
    items = [str(tmp_path / name) for name in ("a", "deadly", "refused", "b")]
    ends = by_index(Cluster(workers=2, attempts=2).run(die, items, PICTURES, shared=[tmp_path]))
    assert ends[1].died is not None and ends[1].attempts == 2
    assert isinstance(ends[2].error, ValueError)
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "done\n"


def test_what_shared_a_lot_with_a_deadly_item_is_done_alone(tmp_path: Path) -> None:
    items = [str(tmp_path / name) for name in ("a", "b", "deadly", "refused", "c")]
    work = _Lot(die, (), _program(), None)
    ends = by_index(_ends(RayEngine(workers=2, attempts=2), work, items, 4))
    assert sorted(ends) == list(range(5))
    assert [place for place, end in ends.items() if end.died] == [2]
    assert isinstance(ends[3].error, ValueError) and ends[0].value == items[0] and ends[4].value == items[4]


def test_items_for_a_gpu_come_in_lots_and_each_process_ends_with_its_lot(tmp_path: Path) -> None:
    ends = by_index(HERE.run(who, list(range(16)), replace(NETWORKS, gpus=0.5), shared=[tmp_path]))
    lots = [{ends[place].value for place in range(first, first + 2)} for first in range(0, 16, 2)]
    assert all(len(lot) == 1 for lot in lots), "two items of a lot share a process, and what it has opened"
    assert len(set.union(*lots)) == 8 and {gpu for lot in lots for _, gpu in lot} == {"0"}
    alone = by_index(HERE.run(who, list(range(6)), PICTURES, shared=[tmp_path]))
    assert len({pid for pid, _ in (end.value for end in alone.values())}) <= 2, "without a GPU processes stay"


def who(item: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def test_lots_are_small_beside_the_run_and_one_without_gpus() -> None:
    assert [_lot_size(count, places) for count, places in ((3, 8), (200, 8), (200, 32), (10_000, 8))] == [1, 6, 1, 16]


def test_a_clip_whose_extraction_always_dies_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.extract import workers

    monkeypatch.setattr(workers, "work", deadly_unit)
    moving(tmp_path / "a.mp4")
    pairs = [Pair("deadly", tmp_path / "a.mp4", moving(tmp_path / "deadly.mp4", 1))]
    pairs += [
        Pair(name, moving(tmp_path / f"{name}1.mp4", seed), moving(tmp_path / f"{name}2.mp4", seed + 1))
        for seed, name in ((2, "b"), (4, "c"))
    ]
    found = extract(pairs, settings("pixels", "mse"), tmp_path / "cache", cluster=Cluster(workers=2, attempts=2))
    assert list(found.errors) == ["deadly"]
    assert "its worker ended (crashed, last on" in found.errors["deadly"] and "twice" in found.errors["deadly"]
    assert found.pairs["b"]["mse"].shape == found.pairs["c"]["mse"].shape


def deadly_unit(unit: Any) -> Any:
    from benchmark.extract.work import work

    if any(job.path.stem == "deadly" for job in unit.videos):
        os.kill(os.getpid(), signal.SIGKILL)
    return work(unit)


# --- nodes that cannot take part -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotReady:
    def __call__(self) -> str | None:
        return "its disk is on fire."


def test_a_node_that_does_not_see_a_folder_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark import cluster

    read = tmp_path / "videos"
    read.mkdir()
    (read / "a.mp4").write_bytes(b"four")
    monkeypatch.setattr(cluster, "_first_file", lambda path: cluster._Seen(path / "elsewhere.mp4", 4))
    said = f"{socket.gethostname()} cannot take part: it does not see what this machine has in {read}.*--cache"
    with pytest.raises(BenchmarkError, match=said):
        list(HERE.run(die, [str(tmp_path / "a")], FEATURES, shared=[tmp_path / "cache"], read=[read]))
    assert not (tmp_path / "a").exists() and not list((tmp_path / "cache").iterdir())


def test_a_node_with_another_program_other_packages_or_other_models_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark import cluster

    own = _program()
    others = {
        "another version of this program": _Program("0" * 64, own.packages),
        "has av .* where this machine has 0": _Program(own.source, (*own.packages[1:], ("av", "0"))),
        "has blas .none. where": _Program(own.source, (*own.packages, ("blas", "3"))),
    }
    for said, other in others.items():
        monkeypatch.setattr(cluster, "_program", lambda other=other: other)
        with pytest.raises(BenchmarkError, match=said):
            list(HERE.run(die, [str(tmp_path / "a")], FEATURES, shared=[tmp_path]))
    monkeypatch.undo()
    with pytest.raises(BenchmarkError, match="disk is on fire"):
        list(HERE.run(die, [str(tmp_path / "a")], FEATURES, shared=[tmp_path], ready=NotReady()))
    assert not (tmp_path / "a").exists()


def test_models_that_differ_between_nodes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.extract.pixels import Pixels

    monkeypatch.setattr(Pixels, "weights", lambda self: ("pixels@" + "ab" * 32,))  # here, and on no node
    pairs = [Pair("a", moving(tmp_path / "a.mp4"), moving(tmp_path / "b.mp4", 1))]
    with pytest.raises(BenchmarkError, match="its models for pixels are other ones"):
        extract(pairs, settings("pixels"), tmp_path / "cache", cluster=HERE)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=r"failed|cannot be"):
        list(HERE.run(die, ["a"], FEATURES, shared=[tmp_path / "file"]))
