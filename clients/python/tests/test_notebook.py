"""The notebook is the script of the same name, cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

examples = Path(__file__).parents[3] / "examples" / "python"


@pytest.mark.skipif(not examples.is_dir(), reason="the examples are not beside this copy")
def test_the_notebook_says_what_the_script_says() -> None:
    script = (examples / "notebook.py").read_text()
    blocks = [block.partition("\n") for block in ("\n" + script).split("\n# %%")[1:]]
    cells = json.loads((examples / "notebook.ipynb").read_text())["cells"]
    assert len(cells) == len(blocks)
    for (head, _, body), cell in zip(blocks, cells, strict=True):
        assert cell["cell_type"] == ("markdown" if "[markdown]" in head else "code")
        plain = body.strip("\n")
        if cell["cell_type"] == "markdown":
            plain = "\n".join(line.removeprefix("#").removeprefix(" ") for line in plain.split("\n"))
        assert "".join(cell["source"]) == plain
