"""What the server of a study gives, keeps and refuses, over real HTTP."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.study.new import Wishes, load, new
from benchmark.study.store import Store
from tests.benchmark.study.material import folders, labelled
from tests.benchmark.study.served import Served, answer
from tests.curation.runs import moee

WAIT = 0.25  # seconds: more than half of a video


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("study")
    clips = labelled(root / "tests", 4)
    systems = [*folders(root / "systems", ["first-system", "second-system"], clips), "ground-truth"]
    new(root / "study", Wishes(systems, real=root / "tests", raters=14, items=12, title="Faces"))
    found = Served(root / "study").start()
    yield found
    found.kill()


@pytest.fixture
def rater(served: Served) -> Iterator[str]:
    """A link that nobody used before."""
    used = getattr(served, "used", 0)
    served.used = used + 1  # type: ignore[attr-defined]
    yield "/r/" + served.links[used]


def stored(served: Served, link: str) -> int:
    """How many answers of a rater are on the disk."""
    _, sha256 = load(served.folder)
    number = served.links.index(link.removeprefix("/r/")) + 1
    return sum(found.rater == number for found in Store(served.folder, sha256, write=False).answers())


def shown(served: Served, link: str) -> dict:
    """The rater's step, after a time in which it could be played."""
    step = served.ask(link + "/step").json
    time.sleep(WAIT)
    return step


def test_a_rater_answers_step_by_step_and_goes_on_where_it_stopped(served: Served, rater: str) -> None:
    step = shown(served, rater)
    assert (step["answered"], step["position"], step["total"], step["done"]) == (0, 0, 16, False)
    assert [question["key"] for question in step["questions"]] == ["emotion", "lip-sync", "naturalness", "identity"]
    done = served.ask(rater + "/answer", answer(step))
    assert done.status == 200 and done.json["position"] == 1
    assert served.ask(rater + "/step").json == done.json, "another device sees the same step"
    assert stored(served, rater) == 1


def test_nothing_that_a_rater_can_read_names_a_system_or_a_clip(served: Served, rater: str) -> None:
    study, _ = load(served.folder)
    page, step = served.ask(rater), served.ask(rater + "/step")
    video, picture = served.ask(rater + "/video/0/0"), served.ask(rater + "/picture/0")
    assert [reply.status for reply in (page, step, video, picture)] == [200] * 4
    everything = b"".join(reply.body + str(reply.headers).encode() for reply in (page, step, video, picture)).lower()
    secrets = [*study.systems, *(clip.id for clip in study.clips), *(medium.token for medium in study.media)]
    assert not [word for word in (*secrets, "instructed", "x264", "lavf") if word.encode() in everything]
    assert not {"etag", "last-modified", "server", "content-disposition"} & video.headers.keys()


def test_pages_are_kept_nowhere_framed_nowhere_and_load_nothing_else(served: Served, rater: str) -> None:
    page = served.ask(rater)
    assert page.headers["cache-control"] == "no-store" and page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer" and page.headers["x-frame-options"] == "DENY"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert served.ask(rater + "/step").headers["cache-control"] == "no-store"


def test_videos_are_given_in_ranges(served: Served, rater: str) -> None:
    whole = served.ask(rater + "/video/0/0")
    part = served.ask(rater + "/video/0/0", Range="bytes=100-199")
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["accept-ranges"] == "bytes"
    assert part.status == 206 and part.body == whole.body[100:200]
    assert served.ask(rater + "/video/0/0", Range="bytes=99999999-").status == 416


def test_the_same_answer_again_is_acknowledged_once_and_another_is_refused(served: Served, rater: str) -> None:
    step = shown(served, rater)
    first, again = (served.ask(rater + "/answer", answer(step, 4)) for _ in range(2))
    assert (first.status, again.status) == (200, 200) and first.json == again.json
    other = served.ask(rater + "/answer", answer(step, 5))
    assert other.status == 409 and "first answer stays" in other.sentence
    assert stored(served, rater) == 1


def test_many_at_once_store_one_answer(served: Served, rater: str) -> None:
    step, replies = shown(served, rater), []

    def send(value: int) -> None:
        replies.append((value, served.ask(rater + "/answer", answer(step, value)).status))

    threads = [threading.Thread(target=send, args=(1 + number % 5,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = {value for value, status in replies if status == 200}
    assert len(taken) == 1 and {status for _, status in replies} == {200, 409} and stored(served, rater) == 1


def test_forged_answers_are_refused(served: Served, rater: str) -> None:
    other = "/r/" + served.links[-1]
    step, theirs = shown(served, rater), shown(served, other)
    last = step | {"position": 1}
    key = "lip-sync"
    values = answer(step)["values"]
    forged: list[tuple[object, int]] = [
        (answer(theirs), 403),  # another rater's item
        (answer(step, token="0" * 64), 403),
        (answer(last), 403),  # an item not reached, with the token of this one
        (answer(step, position=99), 403),
        (answer(step, position=-1), 400),
        (answer(step, position="0"), 400),
        (answer(step, position=True), 400),
        (answer(step, 0), 400),
        (answer(step, 6), 400),
        (answer(step, values=values | {key: 2.5}), 400),
        (answer(step, values=values | {key: "3"}), 400),
        (answer(step, values=values | {key: None}), 400),
        (answer(step, values=values | {key: True}), 400),
        (answer(step, values=values | {"beauty": 3}), 400),  # a question that is not asked
        (answer(step, values={key: 3}), 400),
        (answer(step, values=[3, 3, 3, 3]), 400),
        (answer(step, plays=0), 400),
        (answer(step, seconds=-1), 400),
        (answer(step, rater=1), 400),
        (b'{"position": 0, "position": ', 400),
        (b"[" * 4000, 400),
        (b'{"seconds": NaN}', 400),
        (b"\xff\xfe", 400),
        (b"x" * 10_000, 413),
        (b"x" * 100_000, 413),
    ]
    for body, status in forged:
        reply = served.ask(rater + "/answer", body)
        assert reply.status == status, (body, reply)
        assert status == 413 or reply.sentence
    assert served.ask(rater + "/answer", answer(step), kind="text/plain").status == 415
    assert served.ask(rater + "/answer", answer(step), kind="application/x-www-form-urlencoded").status == 415
    assert stored(served, rater) == 0
    assert served.ask(rater + "/answer", answer(step)).status == 200, "the right one is still taken"


def test_an_answer_sooner_than_the_video_can_be_played_is_refused(served: Served, rater: str) -> None:
    step = served.ask(rater + "/step").json
    hasty = served.ask(rater + "/answer", answer(step))
    assert hasty.status == 403 and "played to its end" in hasty.sentence


@pytest.mark.parametrize(("position", "said"), [(0, "not been shown"), (1, "not been reached")])
def test_a_right_token_alone_opens_no_step(served: Served, rater: str, position: int, said: str) -> None:
    study, sha256 = load(served.folder)
    number = served.links.index(rater.removeprefix("/r/")) + 1
    token = Store(served.folder, sha256, write=False).token(number, position)
    step = {"position": position, "token": token, "questions": [{"key": key} for key in study.questions]}
    reply = served.ask(rater + "/answer", answer(step))
    assert reply.status == 403 and said in reply.sentence


ELSEWHERE = (
    "/", "/r", "/r/", "/favicon.ico", "/study.json", "/links.csv", "/answers.sqlite", "/media/", "/robots.txt",
    "/r/{link}/media", "/r/{link}/../../study.json", "/r/{link}/video/0/0/../../../../study.json",
    "/r/{link}/%2e%2e/%2e%2e/study.json", "/r/{link}/video/..%2f..%2fstudy.json", "/r/{link}/video//etc/passwd",
    "//etc/passwd", "/r/{link}/video/0/%00", "/r/{link}/video/%00/0", "/r/%00{link}", "/r/{link}%00", "/r/{link}/..",
    "/r/{link}/video/0/1", "/r/{link}/video/1/0", "/r/{link}/video/15/0", "/r/{link}/video/16/0",
    "/r/{link}/video/-1/0", "/r/{link}/video/99999999999999999999999/0", "/r/{link}/picture/1",
    "/r/{link}/video/0/0.mp4", "/r/{part}", "/r/{link}x", "/r/../r/{link}/../study.json", "/r/{upper}",
)  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_everything_else_is_not_found(served: Served, path: str) -> None:
    link = served.links[-2]
    reply = served.ask(path.format(link=link, part=link[:-1], upper=link.swapcase()))
    assert reply.status == 404 and reply.sentence == "Not Found."
    assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_an_absolute_address_and_other_methods_reach_nothing(served: Served) -> None:
    link = served.links[-2]
    assert served.ask("http://127.0.0.1/study.json").status == 404
    assert served.ask("file:///etc/passwd").status in (400, 404)
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert served.ask(f"/r/{link}", method=method).status in (404, 405)
    assert served.ask(f"/r/{link}/answer").status == 405


def test_another_link_opens_another_list_only(served: Served) -> None:
    first, second = ("/r/" + link for link in served.links[-2:])
    seen = [served.ask(link + "/step").json["token"] for link in (first, second)]
    assert seen[0] != seen[1]
    study, _ = load(served.folder)
    videos = {link: served.ask(link + "/video/0/0").body for link in (first, second)}
    for link, body in videos.items():
        step = study.sequences[served.links.index(link.removeprefix("/r/"))][0]
        token = study.media[step.media[0]].token
        assert body == (served.folder / "media" / f"{token}.mp4").read_bytes()


def test_a_second_server_of_one_study_is_refused(served: Served) -> None:
    second = moee("study", "serve", served.folder, "--port", "0", timeout=60)
    assert second.status == 2 and "is being served already" in second.err
    assert served.ask("/r/" + served.links[0] + "/step").status == 200


def test_a_killed_server_has_kept_what_it_acknowledged(served: Served, rater: str) -> None:
    for round_ in range(3):
        step = shown(served, rater)
        assert served.ask(rater + "/answer", answer(step, 1 + round_)).status == 200
        served.kill()
        served.start()
        assert stored(served, rater) == round_ + 1
        assert served.ask(rater + "/answer", answer(step, 1 + round_)).status == 200, "a repeat after a lost reply"
    assert stored(served, rater) == 3


def test_links_are_kept_as_hashes_only(served: Served) -> None:
    raw = b"".join(path.read_bytes() for path in served.folder.glob("answers.sqlite*"))
    assert not [link for link in served.links if link.encode() in raw]
    assert (served.folder / "links.csv").stat().st_mode & 0o777 == 0o600
    assert (served.folder / "answers.sqlite").stat().st_mode & 0o777 == 0o600
    assert min(len(link) for link in served.links) >= 32  # of 64 signs each: 192 bits


def test_answers_of_another_study_are_not_taken_for_this_one(served: Served, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "study.json").write_text((served.folder / "study.json").read_text().replace('"Faces"', '"Other"'))
    with sqlite3.connect(served.folder / "answers.sqlite") as source, sqlite3.connect(copy / "answers.sqlite") as made:
        source.backup(made)
    _, sha256 = load(copy)
    with pytest.raises(BenchmarkError, match="not the one that was fixed"):
        Store(copy, sha256, write=True)
