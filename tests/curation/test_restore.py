"""A clip that was set aside as a duplicate comes back, with its file, when the clip that stayed is gone."""

from pathlib import Path

import manifests
from tests.curation.runs import moee, result_bytes, sample_video


def remuxed(source: Path, copy: Path) -> Path:
    """The same streams in another container: other bytes, the same pictures and sound."""
    import av

    with av.open(str(source)) as old, av.open(str(copy), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return copy


def test_the_other_copy_is_cut_again_when_the_one_that_stayed_is_gone(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    first = sample_video(raw, "one.mp4", seconds=4)
    second = remuxed(first, raw / "two.mkv")
    ran = moee("curate", raw, "--out", out, "--workers", 1, "--json")
    assert sorted(source["status"] for source in ran.json["sources"]) == ["dropped", "kept"]
    (stayed,) = [first if source["name"] == first.name else second for source in ran.json["sources"] if source["clips"]]
    other = second if stayed is first else first
    assert len(list((out / "clips").iterdir())) == 1
    stayed.write_bytes(b"not a video any more")
    again = moee("curate", raw, "--out", out, "--workers", 1, "--json")
    assert again.status == 1 and again.source(other.name)["clips"] == 1
    assert again.json["frames"]["analysis_decoded"] == 0 < again.json["frames"]["export_decoded"]
    clips = manifests.open(out).clips
    assert list(clips["duplicate_of"].isna()) == [True] and (out / clips["file"].iloc[0]).is_file()
    assert moee("manifest", "validate", out).status == 0
    before = result_bytes(out) | {"certificate": (out / "certificate.json").read_text()}
    more = moee("curate", raw, "--out", out, "--workers", 1, "--json")
    assert more.json["frames"]["export_decoded"] == 0 and more.json["sources"] == again.json["sources"]
    assert result_bytes(out) | {"certificate": (out / "certificate.json").read_text()} == before
