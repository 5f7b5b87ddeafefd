"""The three commands as a user types them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.study.bundle import verify
from benchmark.study.new import load
from benchmark.study.store import Store
from tests.benchmark.study.material import Crowd, folders, labelled
from tests.benchmark.study.served import Served, answer
from tests.curation.runs import ROOT, moee


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("command")
    one, two = folders(root / "systems", ["one", "two"], labelled(root / "tests", 4))
    done = moee("study", "new", root / "study", "--system", one, "--system", two, "--system", "ground-truth", "--real",
                 root / "tests", "--raters", 6, "--checks", 1, "--seed", 2)  # fmt: skip
    assert done.status == 0, done.err
    assert "6 raters x 12 items of 3 systems x 4 clips, 6 raters for each; 14 steps with checks" in done.out
    assert "links.csv" in done.out and "/r/" not in done.out, "links are secrets: no terminal shows them"
    return root / "study"


def test_new_serve_and_score_make_a_bundle_that_verifies(made: Path, tmp_path: Path) -> None:
    served = Served(made).start()
    try:
        step = served.ask(f"/r/{served.links[0]}/step").json
        time.sleep(0.25)
        assert served.ask(f"/r/{served.links[0]}/answer", answer(step)).status == 200
        early = moee("study", "score", made, "--out", tmp_path / "early")
        assert early.status == 0 and "1 of 6 raters answered, 0 to the end" in early.out, early.err
    finally:
        served.kill()
    fixed, sha256 = load(made)
    store = Store(made, sha256, write=True)
    crowd = Crowd(fixed, 1)
    for one in crowd.answers():
        store.keep(one)
    done = moee("study", "score", made, "--out", tmp_path / "bundle", "--json")
    assert done.status == 0, done.err
    said = done.json
    assert len(said["scores"]) == 12 and said["study"]["protocol"] == "sample" and verify(tmp_path / "bundle") == []
    table = moee("study", "score", made, "--out", tmp_path / "bundle")
    assert table.out.splitlines()[0].split() == ["system", "question", "score", "95", "%", "interval", "raters",
                                                     "items", "ratings"]  # fmt: skip
    assert "Krippendorff's alpha, emotion: ordinal" in table.out


def test_help_answers_without_heavy_imports() -> None:
    heavy = "numpy", "scipy", "cv2", "jinja2", "werkzeug", "waitress", "pydantic", "av", "pyarrow"
    code = f"import sys, benchmark.study.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    for command in ("new", "serve", "score"):
        assert "Example: moee study" in moee("study", command, "--help").out


def test_wrong_use_is_one_sentence_and_exit_2(made: Path, tmp_path: Path) -> None:
    for arguments in (
        ("new", tmp_path / "study", "--system", "x=/nowhere"),
        ("new", made, "--system", f"one={made.parent / 'systems' / 'one'}"),
        ("serve", tmp_path),
        ("score", tmp_path, "--out", tmp_path / "bundle"),
    ):
        done = moee("study", *arguments)
        assert done.status == 2 and done.out == ""
        sentence = done.err.splitlines()[-1]
        assert sentence.startswith("moee: ") and sentence.endswith("."), done.err
