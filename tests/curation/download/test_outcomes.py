"""Every kind of trouble of a real HTTP site ends in its own outcome, and permanent ones are not asked again."""

from dataclasses import replace
from pathlib import Path

import pytest

from curation.download import OUTCOMES, Remote, Settings, download_all
from curation.download.outcomes import classify, retry_after
from tests.curation.download.server import HOSTILE_TITLE, serving

# behaviour of the site -> (outcome, permanent, requests of a first run)
EXPECTED = {
    "ok": ("ok", False, 2),
    "moved": ("ok", False, 4),
    "page": ("ok", False, 2),
    "title": ("ok", False, 2),
    "hls": ("ok", False, 5),
    "hls-long": ("corrupt", True, 5),
    "403": ("private", True, 1),
    "forbidden-login": ("login", True, 1),
    "forbidden-age": ("age-gated", True, 1),
    "forbidden-captcha": ("bot-check", False, 1),
    "401": ("login", True, 1),
    "404": ("removed", True, 1),
    "410": ("removed", True, 1),
    "451": ("geo-blocked", True, 1),
    "500": ("network", False, 5),
    "failing-thrice": ("ok", False, 5),
    "truncated": ("network", False, 10),
    "truncated-once": ("ok", False, 4),
    "reset": ("ok", False, 4),
    "short": ("corrupt", True, 2),
    "garbage": ("corrupt", True, 2),
    "nothing": ("corrupt", True, 2),
    "slow": ("network", False, 10),
    "slow-headers": ("network", False, 5),
    "loop": ("network", False, 5),
    "ring": ("network", False, 9),
    "to-file": ("refused-address", True, 1),
    "to-private": ("refused-address", True, 1),
    "to-other-port": ("refused-address", True, 1),
    "to-short-ip": ("refused-address", True, 1),
    "page-to-private": ("refused-address", True, 1),
    "html": ("unsupported", True, 1),
    "list": ("unsupported", True, 1),
    "audio": ("no-format", True, 1),
    "bomb": ("too-large", True, 1),
    "page-bomb": ("too-large", True, 1),
    "huge": ("too-large", True, 1),
    "endless": ("too-large", True, 1),
}


def test_each_trouble_has_its_outcome_and_permanent_ones_are_asked_once(
    clips: Path, settings: Settings, tmp_path: Path
) -> None:
    with serving(clips) as site, serving(clips) as inside:
        site.elsewhere = inside.url.removeprefix("http://")
        name = {"hls": "x.m3u8", "hls-long": "x.m3u8"}
        remotes = {kind: Remote(f"{site.url}/{kind}/7/{name.get(kind, 'short.mp4')}") for kind in EXPECTED}
        found = download_all(list(remotes.values()), tmp_path / "out", settings)
        by_kind = {kind: found[remote.url] for kind, remote in remotes.items()}
        seen = {kind: (d.outcome, d.permanent, d.requests) for kind, d in by_kind.items()}
        assert seen == EXPECTED
        assert all(d.outcome in OUTCOMES and (d.ok or d.error) for d in by_kind.values())
        assert all(d.error is None or (d.error.isprintable() and len(d.error) < 400) for d in by_kind.values())
        assert inside.log == []
        assert sum(d.requests for d in by_kind.values()) == len(site.log)
        site.log.clear()
        again = download_all(list(remotes.values()), tmp_path / "out", settings)
        asked = {asked.path.split("/")[1] for asked in site.log}
        settled = {kind for kind, (outcome, permanent, _) in EXPECTED.items() if permanent or outcome == "ok"}
        assert not asked & settled
        assert {kind: again[remotes[kind].url].outcome for kind in EXPECTED} == {k: v[0] for k, v in EXPECTED.items()}
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file() and "unfinished" not in path.parts)
    ours = {"downloads.jsonl", "downloads.parquet", ".lock", *(f"{r.key}.mp4" for r in remotes.values())}
    assert {path.name for path in files} <= ours
    assert by_kind["title"].facts.title is not None
    assert by_kind["title"].facts.title.isprintable()


def test_what_the_settings_refuse_is_asked_once_they_allow_it(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips) as site:
        remotes = [Remote(f"{site.url}/ok/1/short.mp4"), Remote(f"{site.url}/404/1/short.mp4")]
        refused = download_all(remotes, tmp_path, replace(settings, allow_private=False))
        assert [d.outcome for d in refused.values()] == ["refused-address", "refused-address"]
        named = Remote(remotes[0].url.replace("127.0.0.1", "localhost"))
        outside = replace(settings, allow_private=False)
        assert download_all([named], tmp_path / "name", outside)[named.url].outcome == "refused-address"
        assert site.log == []
        assert [d.outcome for d in download_all(remotes, tmp_path, settings).values()] == ["ok", "removed"]
        site.log.clear()
        download_all(remotes, tmp_path, replace(settings, retry_permanent=True))
        assert [asked.path for asked in site.log] == ["/404/1/short.mp4"]


def test_a_pause_of_a_day_ends_the_whole_site_for_this_run(clips: Path, settings: Settings, tmp_path: Path) -> None:
    with serving(clips, host="127.0.0.2") as site:
        remotes = [Remote(f"{site.url}/too-many-day/{n}/short.mp4") for n in range(20)]
        found = download_all(remotes, tmp_path, replace(settings, parallel=1, max_wait=5))
        assert {(d.outcome, d.permanent) for d in found.values()} == {("rate-limited", False)}
        assert len(site.log) == 1


def test_a_site_that_is_not_there_does_not_hold_the_list(settings: Settings, tmp_path: Path) -> None:
    remotes = [Remote(f"http://nowhere.invalid/{n}.mp4") for n in range(50)]
    found = download_all(remotes, tmp_path, settings)
    assert {d.outcome for d in found.values()} == {"network"}
    assert sum(d.requests for d in found.values()) <= 4 + settings.parallel


@pytest.mark.parametrize(
    ("sentence", "outcome", "permanent"),
    [
        ("[youtube] x: Sign in to confirm you’re not a bot. Use --cookies-from-browser", "bot-check", False),
        (
            "[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.",
            "age-gated",
            True,
        ),
        ("[youtube] x: Private video. Sign in if you've been granted access to this video", "private", True),
        ("[youtube] x: Join this channel to get access to members-only content like this video", "login", True),
        ("[youtube] x: The uploader has not made this video available in your country", "geo-blocked", True),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "removed", True),
        ("[youtube] x: This video is no longer available because the account has been terminated", "removed", True),
        ("[youtube] x: Video unavailable", "removed", True),
        ("[youtube] x: This live event will begin in 3 hours.", "unsupported", False),
        ("[youtube] x: Requested format is not available. Use --list-formats", "no-format", True),
        ("[vimeo] x: This video is DRM protected", "no-format", True),
        ("[x] y: something that nobody foresaw", "unsupported", False),
    ],
)
def test_the_sentences_of_extractors_are_understood(sentence: str, outcome: str, permanent: bool) -> None:
    from yt_dlp.utils import ExtractorError

    verdict = classify(ExtractorError(sentence, expected=True))
    assert (verdict.outcome, verdict.permanent) == (outcome, permanent)


def test_retry_after_is_seconds_or_a_moment() -> None:
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    assert retry_after("120") == 120
    moment = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert moment is not None
    assert 85 < moment <= 90
    assert retry_after("Fri, 01 Jan 1999 00:00:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_the_hostile_title_is_hostile() -> None:
    assert "../" in HOSTILE_TITLE
    assert len(HOSTILE_TITLE) > 300
    assert not HOSTILE_TITLE.isprintable()
