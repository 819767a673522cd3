"""The options of the command line. It imports nothing heavy, so that `--help` is there at once."""

import argparse

from jaxdl.commands import questions

MODELS = ("ridge", "forest", "boosting", "network")
LOSSES = ("squared-error", "cross-entropy", "kohavi-wolpert", "zero-one")


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m jaxdl`; `task` names what was asked for."""
    whole = argparse.ArgumentParser(
        prog="python -m jaxdl", description="Where does a learner's error come from? Ask saved predictions, or a table."
    )
    tasks = whole.add_subparsers(dest="task", required=True, metavar="task")
    tasks.add_parser("doctor", help="what is installed, which devices, and three exact answers as a check")
    merging = tasks.add_parser("merge", help="copy the finished runs of other folders, of any depth, into one")
    merging.add_argument("target")
    merging.add_argument("sources", nargs="+")
    _add_decompose(
        tasks.add_parser(
            "decompose",
            help="bias, variance by source, and noise of predictions that are in a file",
            description="Take the error of saved predictions apart: bias, variance by source of randomness, and noise.",
            epilog="""\
an npz archive holds the predictions with one leading axis for each factor, then points, and outputs or classes if any:
  numpy.savez("predictions.npz", predictions=f, y_test=y)        # f of shape (data, init, points)
  python -m jaxdl decompose predictions.npz --factors data,init --labels y_test
a csv file is in long form, a row for each run and point, with columns for factors, point, prediction and labels:
  data,init,point,prediction,y
  0,0,0,1.25,1.31
  python -m jaxdl decompose predictions.csv --factors data,init --labels y""",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_diagnose(
        tasks.add_parser(
            "diagnose",
            help="what limits a learner on a table: bias² + noise, variance by source, more rows; and what to do next",
            description="Fit a learner to parts of a table many times, and say what makes its error: bias² + noise, variance by "
            "source, a bracket for the noise, the learning curve, and what to do next. It takes a minute or two at most.",
            epilog="""\
  python -m jaxdl diagnose houses.csv --target price
  python -m jaxdl diagnose houses.csv --target price --model boosting --report houses.html""",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    questions.add_plan(tasks)
    questions.add_compare(tasks)
    return whole


def _add_diagnose(task: argparse.ArgumentParser) -> None:
    task.add_argument("table", help="a text table with a header; text columns and missing cells are welcome")
    task.add_argument("--target", required=True, help="the column to predict")
    task.add_argument("--model", choices=MODELS, default="forest", help="default: %(default)s")
    task.add_argument(
        "--task",
        dest="task_of_target",
        choices=("regression", "classification"),
        help="unless given, text and at most ten different whole numbers are classes",
    )
    task.add_argument("--leave-out", help="columns not to predict from, with commas between them")
    task.add_argument("--delimiter", help="between the cells; found in the first line unless given")
    task.add_argument("--encoding", default="utf-8", help="of the text, such as latin-1; default: %(default)s")
    task.add_argument("--report", help="write a page as well: the name of an .html file")
    task.add_argument("--seed", type=int, default=0, help="of the split and of all fits; default: %(default)s")
    task.add_argument("--workers", type=int, default=2, help="processes side by side; default: %(default)s")


def _add_decompose(task: argparse.ArgumentParser) -> None:
    task.add_argument("file", help="an .npz archive, or a .csv or .tsv table in long form")
    task.add_argument(
        "--factors", required=True, help="the sources of randomness, in the order of the leading axes: data,init"
    )
    truth = task.add_mutually_exclusive_group()
    truth.add_argument("--labels", help="the array, or the column or columns, of the labels at the test points")
    truth.add_argument("--mean", help="likewise, of the true mean E[y|x]")
    truth.add_argument("--probabilities", help="likewise, of the true probabilities of the classes")
    task.add_argument("--noise", type=float, help="the variance of the noise, where it is known")
    task.add_argument("--loss", choices=LOSSES, default="squared-error", help="default: %(default)s")
    task.add_argument(
        "--predictions",
        help="the array, or the column or columns (outputs, or a score for each class), of the predictions; default: "
        "predictions, or prediction in a table",
    )
    task.add_argument("--point", default="point", help="the column of the test points; default: %(default)s")
    task.add_argument("--times", help="the array of steps, or the column, of the axis between factors and points")
    task.add_argument("--nested", action="store_true", help="each factor has levels of its own in each level before it")
    task.add_argument(
        "--from-probabilities",
        type=float,
        metavar="SMALLEST",
        help="for cross-entropy: the predictions are probabilities; take the logarithm of max(p, SMALLEST)",
    )
    task.add_argument("--random-points", action="store_true", help="count the sampling of test points in the errors")
    task.add_argument("--by-class", action="store_true", help="print the terms of each class as well")
    task.add_argument("--training-size", type=int, help="the number of training examples, for the table")
    task.add_argument("--delimiter", help="between the cells of a table; found in its first line unless given")
    task.add_argument("--encoding", default="utf-8", help="of a table, such as latin-1; default: %(default)s")
    task.add_argument(
        "--out", help="write the result as well: a name that ends in .csv, .json, .npz or .txt, or a folder for all"
    )
