"""The options of the command line. It imports nothing heavy, so that `--help` is there at once."""

import argparse

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
    return whole


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
    task.add_argument(
        "--out", help="write the result as well: a name that ends in .csv, .json, .npz or .txt, or a folder for all"
    )
