"""What is fetched is verified, resumed, joined from its parts, or only as much of it as is wanted."""

import hashlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curation.download import Remote, Settings, download_all, probe_all
from curation.download.fetch import Fetcher
from curation.download.run import make_gate
from curation.download.session import open_session
from curation.download.verify import NotWholeError, verify
from curation.errors import CurationError
from media.audio import waveform
from media.decode import Decoder
from tests.curation.download.server import serving
from tests.media.material import read_counter

LONG = "long.mp4"


def numbers(path: Path) -> dict[Fraction, int]:
    """The number burnt into each picture, by its moment in s."""
    with Decoder(path) as frames:
        return {frame.pts * frame.time_base: read_counter(frame.rgb()) for frame in frames}


def test_a_file_is_the_sites_bytes_with_its_facts(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips) as site:
        remote = Remote(f"{site.url}/ok/1/short.mp4")
        found = download_all([remote], tmp_path, settings)[remote.url]
    assert found.path == tmp_path / f"{remote.key}.mp4"
    raw = (clips / "short.mp4").read_bytes()
    assert found.path.read_bytes() == raw
    assert (found.sha256, found.bytes) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert (found.width, found.height, found.format_id, found.attempts) == (160, 128, "mp4", 1)
    assert found.facts.title == "short"
    assert found.facts.upload_date == "20261120"
    assert found.retrieved_at is not None


def test_a_broken_transfer_goes_on_where_it_ended(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips) as site:
        remote = Remote(f"{site.url}/reset/1/{LONG}")
        found = download_all([remote], tmp_path, settings)[remote.url]
        last = site.log[-1]
    size = (clips / LONG).stat().st_size
    assert found.ok
    assert last.status == 206
    assert 0 < last.start < size
    assert found.bytes == size


def test_a_partial_file_of_another_version_is_not_continued(clips: Path, settings: Settings, tmp_path: Path) -> None:
    once = replace(settings, attempts=1)
    with serving(clips) as site:
        remote = Remote(f"{site.url}/truncated-once/1/{LONG}")
        assert download_all([remote], tmp_path, once)[remote.url].outcome == "network"
        site.clips[LONG] = site.clips["short.mp4"] + bytes(1000)
        found = download_all([remote], tmp_path, once)[remote.url]
    assert found.bytes == len(site.clips[LONG])


def test_only_the_wanted_spans_are_fetched_and_keep_the_clock(clips: Path, settings: Settings, tmp_path: Path) -> None:
    spans = ((Fraction(3), Fraction(4)), (Fraction(20), Fraction(43, 2)))
    with serving(clips) as site:
        remote = Remote(f"{site.url}/ok/1/{LONG}", spans)
        found = download_all([remote], tmp_path, settings)[remote.url]
        sent = sum(asked.sent for asked in site.log[1:])  # the first only looks at the headers
        assert found.ok, found.error
        assert found.path is not None
        assert found.note is None
        assert sent < (clips / LONG).stat().st_size / 2
        site.log.clear()
        assert download_all([Remote(remote.url, spans[:1])], tmp_path, settings)[remote.url].ok
        assert site.log == []
        whole, part = numbers(clips / LONG), numbers(found.path)
        assert all(whole[moment] == number for moment, number in part.items())
        for (start, end), (first, last) in zip(spans, found.fetched_spans, strict=True):
            assert first <= start < end <= last
            assert all(part.get(m) == n for m, n in whole.items() if start <= m < end)
            sound, heard = waveform(clips / LONG, start, end), waveform(found.path, start, end)
            assert np.abs(sound - heard).max() < 0.02 < np.abs(sound).max()
        site.log.clear()
        assert download_all([Remote(remote.url)], tmp_path, settings)[remote.url].bytes == (clips / LONG).stat().st_size


def test_formats_that_decode_well_are_taken_and_joined(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips) as site:
        remote = Remote(f"{site.url}/mpd/1/list.mpd")
        found = download_all([remote], tmp_path, settings)[remote.url]
    assert found.ok, found.error
    assert found.format_id == "good+sound"
    assert found.path is not None
    assert numbers(found.path) == numbers(clips / "short.mp4")
    two = (Fraction(0), Fraction(2))
    assert np.abs(waveform(found.path, *two) - waveform(clips / "short.mp4", *two)).max() < 1e-3


def test_nothing_fetched_is_fetched_again_after_its_file_is_lost_or_left_unnamed(
    clips: Path, settings: Settings, tmp_path: Path
) -> None:
    with serving(clips) as site:
        remote = Remote(f"{site.url}/ok/1/short.mp4")
        path = download_all([remote], tmp_path, settings)[remote.url].path
        assert path is not None
        left = tmp_path / "unfinished" / remote.key
        left.mkdir()
        path.rename(left / "ready.mp4")  # as a kill between the ledger's line and the rename leaves it
        with (tmp_path / "downloads.jsonl").open("ab") as ledger:
            ledger.write(b'{"url": "http://torn')  # as a kill in the middle of a line leaves it
        site.log.clear()
        assert download_all([remote], tmp_path, settings)[remote.url].path == path
        assert path.is_file()
        assert site.log == []
        path.unlink()
        assert download_all([remote], tmp_path, settings)[remote.url].ok
        assert len(site.log) == 2


def test_a_file_that_was_verified_but_not_entered_is_not_fetched_again(
    clips: Path, settings: Settings, tmp_path: Path
) -> None:
    with serving(clips) as site:
        remote = Remote(f"{site.url}/ok/1/short.mp4")
        gate = make_gate([remote.url], tmp_path, settings, threading.Event())
        with ThreadPoolExecutor(1) as checks:
            fetcher = Fetcher(open_session(settings, gate), gate, tmp_path, settings, checks)
            verified, _ = fetcher.attempt(remote)  # and killed here
        site.log.clear()
        found = download_all([remote], tmp_path, settings)[remote.url]
    assert site.log == []
    assert (found.sha256, found.facts, found.requests) == (verified.sha256, verified.facts, 0)
    assert found.path is not None
    assert found.path.read_bytes() == (clips / "short.mp4").read_bytes()


@pytest.mark.parametrize("told", [True, False])
def test_a_kill_between_the_last_byte_and_the_name_loses_nothing(
    clips: Path, settings: Settings, tmp_path: Path, told: bool
) -> None:
    raw = (clips / "short.mp4").read_bytes()
    with serving(clips) as site:
        remote = Remote(f"{site.url}/ok/1/short.mp4")
        gate = make_gate([remote.url], tmp_path, settings, threading.Event())
        with ThreadPoolExecutor(1) as checks:
            fetcher = Fetcher(open_session(settings, gate), gate, tmp_path, settings, checks)
            fetcher.attempt(remote)
        place = tmp_path / "unfinished" / remote.key
        (place / "record.json").unlink()
        (place / "ready.mp4").rename(place / "0.mp4.part")  # as the kill leaves it
        note = place / "0.validator"
        if not told:  # the site named no length: it alone can say that nothing is left
            note.write_text(note.read_text().partition("\n")[0])
        site.log.clear()
        found = download_all([remote], tmp_path, settings)[remote.url]
        statuses = [asked.status for asked in site.log]
    assert found.ok, found.error
    assert found.sha256 == hashlib.sha256(raw).hexdigest()
    assert ("416" in str(statuses)) is not told
    assert bool(statuses) is not told, "what is whole is not asked for again"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_not_whole(clips: Path, tmp_path: Path, kept: float) -> None:
    raw = (clips / LONG).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(NotWholeError):
        verify(tmp_path / "cut.mp4")


def test_a_file_of_another_length_than_announced_is_not_whole(clips: Path) -> None:
    assert verify(clips / "short.mp4", 2.0).width == 160
    with pytest.raises(NotWholeError, match="announced"):
        verify(clips / "short.mp4", 20.0)


def test_real_clips_are_whole(test_data: Path) -> None:
    for path in sorted((test_data / "videos").iterdir()):
        verify(path)


def test_a_full_disk_stops_the_run_with_a_sentence(clips: Path, settings: Settings, tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with serving(clips) as site, pytest.raises(CurationError, match="free some space"):
        remotes = [Remote(f"{site.url}/ok/{n}/short.mp4") for n in range(5)]
        download_all(remotes, tmp_path, replace(settings, min_free_bytes=2 * free))


def test_cookies_that_cannot_be_read_stop_the_run_with_a_sentence(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "cookies.txt").write_text("no cookies\n")
    with pytest.raises(CurationError, match="cookies"):
        download_all(
            [Remote("http://127.0.0.1:9/x.mp4")],
            tmp_path / "out",
            replace(settings, cookies_file=tmp_path / "cookies.txt"),
        )


def test_cookies_of_a_file_are_sent_and_the_file_stays_as_it_is(
    clips: Path, settings: Settings, tmp_path: Path
) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tmember\tyes\n")
    before = jar.read_bytes()
    with serving(clips) as site:
        remote = Remote(f"{site.url}/members/1/short.mp4")
        assert download_all([remote], tmp_path / "out", settings)[remote.url].outcome == "login"
        brought = replace(settings, cookies_file=jar, retry_permanent=True)
        assert download_all([remote], tmp_path / "out", brought)[remote.url].ok
    assert jar.read_bytes() == before


def test_a_proxy_is_used_and_leads_to_no_private_address(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips) as site:
        through = replace(settings, proxy=site.url, allow_private=False)
        remotes = [Remote("http://nowhere.invalid/ok/1/short.mp4"), Remote("http://10.0.0.1/ok/1/short.mp4")]
        found = download_all(remotes, tmp_path, through)
        assert [d.outcome for d in found.values()] == ["ok", "refused-address"]
        assert len(site.log) == 2


def test_refresh_asks_without_fetching_and_keeps_every_answer(clips: Path, settings: Settings, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    with serving(clips) as site:
        remotes = [Remote(f"{site.url}/{kind}/1/short.mp4") for kind in ("ok", "404", "500")]
        first = probe_all(remotes, tmp_path, settings)
        assert [d.outcome for d in first.values()] == ["ok", "removed", "network"]
        asked = len(site.log)
        del site.clips["short.mp4"]
        second = probe_all(remotes, tmp_path, settings)
        assert [d.outcome for d in second.values()] == ["removed", "removed", "network"]
        assert not any("/404/" in entry.path for entry in site.log[asked:])
    rows = pq.read_table(tmp_path / "link_rot.parquet").to_pylist()
    assert [row["outcome"] for row in rows if "/ok/" in row["url"]] == ["ok", "removed"]
    assert sum("/404/" in row["url"] for row in rows) == 1
    assert not list(tmp_path.glob("*.mp4"))
