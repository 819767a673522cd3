"""Run claims of the book: by number (K008), by chapter (data_size), or all of them; without any, list them.

A finished claim is shown at once; after Ctrl-C the same command goes on. Criteria are code: sizes alone can be changed from here.
"""

import argparse
import ast
import importlib.util
import os
import shlex
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from experiments.book import everything, find, notebook, readme, runs, working
from experiments.book.find import Entry
from experiments.book.interruption import interruptible
from experiments.book.options import DEVICES, Options
from experiments.book.printing import print_anything, show, verdict_line
from experiments.book.runs import Run
from experiments.book.set_up import CannotRunError

EXTRA = ("matplotlib", "sklearn")


def run(chapter: str = "") -> NoReturn:
    """`main`, and the end of the process: at once after Ctrl-C, as compilations that go on in threads can crash its orderly end."""
    status = main(chapter=chapter)
    if status > 128:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    raise SystemExit(status)


def main(arguments: Sequence[str] | None = None, *, chapter: str = "", root: Path = find.ROOT) -> int:
    """Run the command line, of one chapter where it is named; returns the exit status.

    That is 0, 1 (a claim could not be run), 2 (usage), 130 (Ctrl-C) or 143 (told to terminate).
    """
    started = time.monotonic()
    print_anything()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    program = ["python", "-m", f"experiments.{chapter}" if chapter else "experiments"]
    command = shlex.join([*program, *arguments]).encode(errors="replace").decode()  # bytes of a path that are no UTF-8
    given = _parser(" ".join(program), chapter, root).parse_args(arguments)

    def last_words() -> str:
        if given.dry_run:
            return "Interrupted; nothing was written"
        again = shlex.join([*program, *(word for word in arguments if word != "--fresh")])
        return f"Interrupted after {time.monotonic() - started:.0f} s; finished runs are stored. To continue: {again}"

    with interruptible(last_words) as interruption:
        try:
            return _answer(given, [chapter] if chapter else given.claims, command, root)
        except BrokenPipeError:  # whoever read along has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (CannotRunError, OSError) as error:
            return _fail(1, f"error: {error}")
        except ValueError as error:
            return _fail(2, f"error: {error}")
        except KeyboardInterrupt:
            return _fail(128 + interruption.signal, last_words())


def _parser(program: str, chapter: str, root: Path) -> argparse.ArgumentParser:
    question = "\n\n".join(find.question_of(root / chapter)) if chapter else __doc__
    parser = argparse.ArgumentParser(
        prog=program, description=question, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if not chapter:
        parser.add_argument("claims", nargs="*", help="numbers, chapters, 'all' (a process each), 'readme' (its table)")
    what = parser.add_argument_group("what is measured")
    what.add_argument("--profile", choices=find.PROFILES, default=None, help="the sizes (default: quick)")
    what.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another size, or seed; repeatable"
    )
    what.add_argument("--config", type=str, metavar="FILE", help="the sizes of an earlier run, its config.json")
    how = parser.add_argument_group("how; changes no result")
    how.add_argument(
        "--out", default="results", metavar="FOLDER", help="of results and finished runs (default: results)"
    )
    how.add_argument("--fresh", action="store_true", help="compute again, also what is finished")
    how.add_argument("--judge", action="store_true", help="judge stored runs by the claim's present code; compute none")
    how.add_argument("--dry-run", action="store_true", help="say what it takes in time and memory; write nothing")
    how.add_argument(
        "--notebook", action="store_true", help="write a notebook that runs the claim, and do nothing else"
    )
    how.add_argument("--device", choices=DEVICES, help="kind of device (default: the best there is)")
    how.add_argument("--devices", type=int, metavar="N", help="CPU devices (default: one for each core, at least two)")
    how.add_argument("--strict", action="store_true", help="stop with an error when any run diverges; computes again")
    how.add_argument("--no-progress", dest="progress", action="store_false", help="do not show how far it is")
    many = parser.add_argument_group("many machines")
    many.add_argument(
        "--shard", default="1/1", metavar="k/K", help="compute the k-th of K shares of the runs, and stop"
    )
    many.add_argument("--distributed", action="store_true", help="join the other processes of this job")
    many.add_argument("--coordinator", metavar="HOST:PORT", help="the first process, where it is not found otherwise")
    many.add_argument(
        "--process", metavar="k/K", help="this is the k-th of K processes, where that is not found otherwise"
    )
    return parser


def _answer(given: argparse.Namespace, words: Sequence[str], command: str, root: Path) -> int:
    names = (
        "fresh",
        "device",
        "devices",
        "shard",
        "dry_run",
        "judge",
        "distributed",
        "coordinator",
        "process",
        "strict",
    )
    of_run = {name: getattr(given, name) for name in (*names, "progress")}
    options = Options(out=runs.given_path("out", given.out), **of_run)
    assert options.out is not None
    changes = dict(map(_change, given.set))
    profile = given.profile or "quick"
    entries = find.claims_below(root)
    if given.config is not None:
        if given.profile or changes:
            msg = "config: got it with --profile or --set, expected one of them; each supplies the sizes"
            raise ValueError(msg)
        config = runs.read_config(runs.given_path("config", given.config))
        words, changes, profile = words or [config["number"]], config["sizes"], config["profile"]
    if words == ["readme"]:
        return readme.write(entries, options.out)
    if words == ["all"]:
        passed = [
            f"--{name}={getattr(given, name)}" for name in ("device", "devices") if getattr(given, name) is not None
        ]
        return everything.write(entries, profile, options, passed)
    if not words:
        return _list(entries, options.out)
    chosen = find.chosen(words, entries)
    unknown = [
        name for name in changes if not any(name in entry.sizes(profile) or name in entry.constants for entry in chosen)
    ]
    if unknown:
        known = sorted({name for entry in chosen for name in entry.sizes(profile)})
        msg = f"set: got {', '.join(unknown)}, expected a size: {', '.join(known)}"
        raise ValueError(msg)
    sizes = {entry.number: find.with_changes(entry, profile, changes) for entry in chosen}
    if given.notebook:
        print("\n".join(str(notebook.write(entry, sizes[entry.number], options.out)) for entry in chosen))
        return 0
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(1, f'{", ".join(missing)} not found: pip install "jaxdl[experiments]"')
    session = working.Session(options, command)
    finished: list[Run] = []
    status = 0
    for entry in chosen:
        try:
            finished += filter(None, [_one(session, entry, profile, sizes[entry.number])])
        except (CannotRunError, OSError) as error:
            status = _fail(1, f"error: {error}")
        except Exception as error:  # of one claim: the others are run all the same
            told = str(error) if changes and isinstance(error, ValueError) else traceback.format_exc()
            status = _fail(1, f"error: {entry.number}: {told}")
    if finished:
        show(finished)
    of_chapter = [entry for entry in entries if len(words) == 1 and entry.chapter == words[0]]
    if of_chapter and len(finished) == len(of_chapter):
        print(f"\nchapter  {everything.write_chapter(of_chapter[0].path.parent, finished, options.out)}")
    return status


def _one(session: working.Session, entry: Entry, profile: str, sizes: dict[str, Any]) -> Run | None:
    """One claim: planned, shared, found or computed."""
    options = session.options
    assert options.out is not None
    folder = runs.path_of(options.out, entry.number, sizes)
    # All processes of a job compute, whatever each finds: none may wait for one that has nothing to do.
    is_new = options.fresh or options.strict or options.distributed or options.judge
    if not (is_new or options.dry_run or options.shard != "1/1"):
        run = _found(folder)
        if run is not None:
            is_changed = run.manifest["code"] != working.code_of(entry)
            again = ": an earlier result, as its code has changed since, and --judge judges the same runs by it"
            print(f"{entry.number}  stored{again if is_changed else ''}; --fresh computes it again")
            return run
    session.start()
    if options.dry_run:
        print(working.plan(session, entry, sizes), end="\n\n", flush=True)
        return None
    if session.is_first:
        devices, packages = session.machine["devices"], session.machine["packages"]
        processes = f"{devices['processes']} processes of " if devices["processes"] > 1 else ""
        where = f"{processes}{devices['count']} x {devices['kind']}, {session.machine['dtype']}, jax {packages['jax']}"
        stopping = "Ctrl-C stops within a second, or five amid a compilation or a long block, and keeps finished runs"
        print(
            f"{entry.number}  {entry.statement}\n  {profile}, seed {sizes['seed']}, {where}, {folder}\n  {stopping}",
            flush=True,
        )
    if options.shard != "1/1":
        print(working.share(session, entry, sizes))
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return working.compute(session, entry, profile, sizes)


def _found(folder: Path) -> Run | None:
    try:
        return runs.read(folder)
    except (OSError, ValueError, KeyError) as error:
        print(f"{folder} is damaged ({error}); computing it again", file=sys.stderr)
        return None


def _list(entries: Sequence[Entry], out: Path) -> int:
    """Every chapter with its question, and every claim with its latest verdict: of a run below `out`, else the committed one."""
    for chapter, of_chapter in find.chapters_of(entries).items():
        print(f"{chapter}: {find.question_of(of_chapter[0].path.parent)[0]}")
        for entry in of_chapter:
            latest = runs.finished(out, entry.number)
            known = latest[-1].finding if latest else readme.committed(entry.number)
            print("  " + verdict_line(entry.number, known["verdict"] if known else "", entry.statement))
        print()
    return 0


def _change(text: str) -> tuple[str, Any]:
    """`"runs=100"` as `("runs", 100)`."""
    name, equals, value = text.partition("=")
    try:
        return name.strip(), ast.literal_eval(value.strip()) if equals else ast.literal_eval("")
    except (ValueError, SyntaxError) as error:
        msg = f"set: got {text!r:.60}, expected NAME=VALUE, such as runs=4096"
        raise ValueError(msg) from error


def _fail(status: int, message: str) -> int:
    print(message, file=sys.stderr)
    return status
