"""Chapters in processes of their own: how they end, what they say, and that none is left behind."""

import os
import re
import sys

import pytest

from experiments.book import processes


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise SystemExit(0)", ""),
        ("import sys; print('a word', file=sys.stderr); raise SystemExit(3)", "a word\nexit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_how_a_process_ended_is_told(monkeypatch, code, error):
    monkeypatch.setattr(processes, "program", lambda _: [sys.executable, "-c", code])
    shown = []
    assert processes.in_a_process("tiny", [], shown.append) == error
    assert shown == error.splitlines()[:-1]


@pytest.mark.thorough
def test_an_interrupted_chapter_leaves_no_process_behind(monkeypatch):
    code = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(100)"
    monkeypatch.setattr(processes, "program", lambda _: [sys.executable, "-c", code])
    numbers = []

    def interrupt(line):
        numbers.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.in_a_process("tiny", [], interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(numbers[0], 0)


def test_progress_is_one_display_that_says_what_is_run(capsys, monkeypatch):
    with processes.display(2, enabled=True) as show:
        show(0, "data_size", "7 of 8 runs, [/about 1 s left")
    assert capsys.readouterr().err.splitlines() == ["[1 of 2] data_size  7 of 8 runs, [/about 1 s left"]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    with processes.display(2, enabled=True) as show:
        show(1, "data_size", "7 of 8 runs, [/about 1 s left")
        print("printed meanwhile")
    printed = capsys.readouterr()
    assert "7 of 8 runs, [/about 1 s left" in printed.err
    assert re.search("1/2", printed.err)
    assert printed.out == "printed meanwhile\n"  # not sent to the display
