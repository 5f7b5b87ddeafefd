"""The pages of docs/metrics are what the metrics themselves say."""

from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.metric_pages import FOLDER, SECTIONS, page, pages, sections, write
from benchmark.metrics import MODULES, keys, metric


def test_committed_pages_are_what_the_program_writes() -> None:
    """When this fails: `python -m benchmark.metric_pages`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")} == pages()


def test_every_page_has_every_section_and_every_metric_with_what_a_failed_clip_counts_as() -> None:
    for name, held in MODULES.items():
        text = page(name)
        assert all(f"## {section}\n" in text for section in SECTIONS)
        for key in held:
            worst = metric(key).worst
            line = next(line for line in text.splitlines() if line.startswith(f"| `{key}` |"))
            assert (f"| {worst:g} |" if worst is not None else "| infinitely bad |") in line


def test_the_index_links_every_metric() -> None:
    text = pages()["README.md"]
    assert all(f"[{key}](" in text for key in keys())


def test_writing_removes_pages_of_metrics_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(pages())


@pytest.mark.parametrize(
    "text",
    [
        "Title.",
        "Title.\n\nDefinition\na\n\nWeights\nb\n\nTraps\nd\n\nWhat moves it\nc",
        "Title.\n\nDefinition\na\n\nWeights\n\nWhat moves it\nc\n\nTraps\nd",
    ],
)
def test_a_docstring_that_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(BenchmarkError, match="sections Definition, Weights"):
        sections(text, "made")


def test_a_section_may_have_paragraphs() -> None:
    _, parts = sections("T.\n\nDefinition\na\n\nmore\n\nWeights\nb\n\nWhat moves it\nc\n\nTraps\nd", "made")
    assert parts["Definition"] == "a\n\nmore"
