"""The token bucket, the choice of format, and the addresses that are refused."""

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.download.addresses import AddressError, Addresses, is_public
from curation.download.formats import pick
from curation.download.model import Remote
from curation.download.queue import interleaved
from curation.download.site import PausedError, Site, site_of
from curation.download.text import clean


def released(site: Site, threads: int, each: int) -> list[float]:
    """The moments at which several threads were let through."""
    moments: list[float] = []

    def ask() -> None:
        for _ in range(each):
            site.acquire(10)
            moments.append(time.monotonic())

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(moments)


def test_a_site_gets_its_burst_and_then_its_rate() -> None:
    rate, burst = 100.0, 5
    moments = released(Site(rate, burst, threading.Event()), 8, 10)
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            assert last - first + 1 <= burst + rate * (moments[last] - start) + 1 + rate * 0.05
    assert moments[-1] - moments[0] >= (80 - burst - 1) / rate
    assert moments[burst - 1] - moments[0] < (burst - 1) / rate + 0.1


def test_a_pause_is_kept_by_those_who_wait_already() -> None:
    site = Site(10.0, 1, threading.Event())
    moments: list[float] = []
    worker = threading.Thread(target=lambda: moments.extend(released(site, 4, 2)))
    worker.start()
    time.sleep(0.05)
    until = time.monotonic() + 0.5
    site.pause(0.5)
    worker.join()
    assert not [moment for moment in moments if until - 0.4 < moment < until]
    site.pause(100)
    with pytest.raises(PausedError):
        site.acquire(10)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.5", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1",
        "2002:7f00:1::", "ff02::1", "not an address",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.com/x", "data:text/html,x", "javascript:1", "//host/x", "http://", "http:///x",
        "http://127.0.0.1/x", "http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://[::1]/x",
        "http://[::ffff:10.0.0.1]/", "http://user@127.0.0.1/", "http://127.0.0.1.:80/", "http://host:99999/",
    ],
)  # fmt: skip
def test_other_schemes_and_local_hosts_are_refused_without_asking(url: str) -> None:
    with pytest.raises(AddressError):
        Addresses(False).check(url)


def test_a_name_that_leads_inside_is_refused_when_it_is_resolved() -> None:
    with pytest.raises(AddressError):
        Addresses(False).resolve("localhost", 80)
    allowed = Addresses(True, ["http://localhost:8080/x"])
    assert allowed.resolve("localhost", 8080)
    with pytest.raises(AddressError):
        allowed.resolve("localhost", 8081)
    with pytest.raises(AddressError):
        allowed.check("http://10.0.0.1/")


def form(name: str, codec: str, height: int, **more: Any) -> dict[str, Any]:
    """A format as extractors describe it."""
    base = {"format_id": name, "vcodec": codec, "acodec": "none", "height": height, "width": height * 16 // 9}
    return {**base, "protocol": "https", "url": f"https://x/{name}", **more}


SOUND = {
    "format_id": "a",
    "vcodec": "none",
    "acodec": "mp4a.40.2",
    "protocol": "https",
    "url": "https://x/a",
    "abr": 128,
}


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [
        ([form("av1", "av01.0.08M.08", 1080), form("avc", "avc1.640028", 1080)], ["avc", "a"]),
        ([form("av1", "av01.0.08M.08", 1080), form("vp9", "vp9", 720)], ["vp9", "a"]),
        ([form("av1", "av01.0.08M.08", 1080), form("hevc", "hev1.1", 720)], ["hevc", "a"]),
        ([form("vp9", "vp9", 1080), form("avc", "avc1.640028", 720)], ["vp9", "a"]),
        ([form("vp9", "vp9", 1080), form("avc", "avc1.640028", 1080)], ["avc", "a"]),
        ([form("big", "avc1.640033", 2160), form("avc", "avc1.640028", 1080)], ["avc", "a"]),
        ([form("big", "avc1.640033", 2160)], []),
        ([form("upright", "avc1.640028", 1920, width=1080)], ["upright", "a"]),
        ([form("both", "avc1.640028", 1080, acodec="mp4a.40.2"), form("avc", "avc1.640028", 1080)], ["both"]),
        ([form("rtmp", "avc1.640028", 1080, protocol="rtmp"), form("avc", "avc1.640028", 360)], ["avc", "a"]),
        ([form("locked", "avc1.640028", 1080, has_drm=True)], []),
        ([{"format_id": "plain", "protocol": "http", "url": "http://x/y", "vcodec": None}], ["plain"]),
    ],
)
def test_the_format_suits_the_decoder(formats: list[dict[str, Any]], chosen: list[str]) -> None:
    assert [one["format_id"] for one in pick([*formats, SOUND], 1080)] == chosen


def test_sites_take_turns() -> None:
    urls = ["http://a.x.com/1", "http://b.x.com/2", "http://x.com/3", "http://y.org/1", "nonsense"]
    assert [remote.url for remote in interleaved(map(Remote, urls))] == [urls[0], urls[3], urls[4], urls[1], urls[2]]
    assert site_of("rr3---sn-abc.googlevideo.com") == "googlevideo.com"
    assert site_of("www.bbc.co.uk") == "bbc.co.uk"
    assert site_of("127.0.0.1") == "127.0.0.1"


@given(st.text())
def test_text_of_a_site_is_printable(text: str) -> None:
    assert clean(text).isprintable() or not clean(text)
    clean(text).encode("utf-8")
