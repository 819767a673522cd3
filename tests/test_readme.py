"""The README's Python runs as it stands, in a fresh process."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_study_of_the_readme_runs():
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    for words in ("variance[data, init]", "training size 40", "bias_squared"):
        assert words in done.stdout


def test_the_readme_links_to_files_that_exist():
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target


def test_the_readme_has_no_place_left_to_fill():
    assert not re.search(r"@[A-Z]+@", README.read_text())
