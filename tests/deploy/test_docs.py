"""docs/cluster.md says what the programs say: its options, files and sentences exist."""

import re

from curation import rates
from tests.curation.runs import moee
from tests.deploy.kuberay import ROOT

TEXT = (ROOT / "docs" / "cluster.md").read_text()


def test_every_option_of_moee_curate_exists() -> None:
    options = {
        word for line in TEXT.splitlines() if "moee curate" in line for word in re.findall(r" (--[a-z-]+)", line)
    }
    options |= set(re.findall(r"`(--(?:attempts|stall|max-memory|retry|scratch|dry-run))", TEXT))
    helped = moee("curate", "--help", env={"COLUMNS": "200"}).out
    assert len(options) >= 8
    assert [option for option in options - {"--array"} if option not in helped] == []


def test_every_file_exists() -> None:
    files = set(re.findall(r"deploy/[a-z]+/[A-Za-z.-]+[a-z]", TEXT))
    assert len(files) >= 6
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_sentence_of_a_failure_is_one_that_the_programs_say() -> None:
    table = TEXT.split("## What a failure looks like")[1]
    seen = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ") and "`" in row.split("|")[2]]
    quoted = [quote for cell in seen for quote in re.findall(r"`([^`]+)`", cell) if " " in quote]
    source = " ".join(
        path.read_text()
        for folder in ("curation", "manifests", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".sbatch")
    )
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a sentence over two lines of a program is one
    parts = [part.strip(" :()") for quote in quoted for part in re.split(r"\.\.\.|[0-9]+(?:\.[0-9]+)?", quote)]
    parts = [part for part in parts if len(part) > 8]
    assert len(parts) >= 12
    assert [part for part in parts if part not in source] == []


def test_the_table_of_sizes_is_what_the_rates_give() -> None:
    rows = re.findall(r"^\| (\d+)x(\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 3
    for width, height, *said in rows:
        cost = {name: rates.seconds(name, 1, int(width) * int(height) / 1e6) for name in rates.STAGES}
        export = cost.pop("export")
        whole = sum(cost.values()) + export
        found = [sum(cost.values()), export, whole, 3600 / whole]
        assert all(abs(float(a.replace(",", "")) - b) <= 0.02 * b for a, b in zip(said, found, strict=True)), found
