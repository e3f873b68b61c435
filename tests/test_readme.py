"""Every example of the README runs by itself and prints what the README says."""

import re
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
# A block of code, and the text that follows it at once, if it prints something.
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", README, flags=re.DOTALL)
NUMBER = re.compile(r"-?\d+\.?\d*")


def test_readme_begins_with_a_table():
    assert "DataFrame" in BLOCKS[0][0] or "as_frame" in BLOCKS[0][0]


@pytest.mark.parametrize(("code", "printed"), BLOCKS, ids=range(len(BLOCKS)))
def test_block_of_the_readme_runs_by_itself(code, printed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    matplotlib.pyplot.close("all") if hasattr(matplotlib, "pyplot") else None
    out = capsys.readouterr().out
    assert NUMBER.sub("#", out) == NUMBER.sub("#", printed)
    numbers, expected = (list(map(float, NUMBER.findall(text))) for text in (out, printed))
    assert numbers == pytest.approx(expected, abs=0.02)  # other machines, other roundings


def test_pictures_of_the_readme_have_absolute_addresses_and_exist():
    for address in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert address.startswith("https://")
        assert (Path(__file__).parents[1] / address.partition("/main/")[2]).exists()


def test_links_of_the_readme_lead_to_files_that_exist():
    for address in re.findall(r"\[.*?\]\((.*?)\)", README):
        assert address.startswith("https://") or (Path(__file__).parents[1] / address).exists()
