"""`python -m jaxdl decompose`: bias, variance by source, and noise of predictions that are in a file."""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl import decomposition
from jaxdl.commands import outputs
from jaxdl.commands.long_form import from_table
from jaxdl.commands.saved import Saved, Wanted, from_archive
from jaxdl.decomposition import Decomposition, LossDecomposition, Target
from jaxdl.paths import as_file

LOSSES: dict[str, LossDecomposition] = {
    "squared-error": decomposition.squared_error,
    "cross-entropy": decomposition.cross_entropy,
    "kohavi-wolpert": decomposition.kohavi_wolpert,
    "zero-one": decomposition.zero_one,
}
OF_CLASSES = ("cross-entropy", "kohavi-wolpert", "zero-one")
TABLES = (".csv", ".tsv", ".txt", ".gz")


def main(arguments: argparse.Namespace) -> int:
    """Print the table, and write it where it was asked for."""
    place = None if arguments.out is None else outputs.place_of(arguments.out)
    saved, result = decomposed(arguments)
    axes = (*_names("factors", arguments.factors), *saved.dims)
    shape = " x ".join(f"{size} {axis}" for size, axis in zip(saved.predictions.shape, axes, strict=True))
    print(f"{arguments.file}: predictions of {shape}\n\n{result.table()}")
    if place is not None:  # before the classes, which labels may lack
        print(f"\nwritten: {', '.join(map(str, outputs.write(result, place)))}")
    if arguments.by_class:
        print("\n" + result.by_class().table())
        for number, name in enumerate(_class_names(saved)):
            print(f"class {number} = {name}")
    return 0


def decomposed(arguments: argparse.Namespace) -> tuple[Saved, Decomposition]:
    """The predictions in a file and their decomposition, as the options ask for it."""
    file = as_file("file", arguments.file)
    kinds = [kind for kind in ("labels", "mean", "probabilities") if getattr(arguments, kind) is not None]
    kind = kinds[0] if kinds else "labels"
    wanted = Wanted(
        factors=_names("factors", arguments.factors),
        predictions=_names("predictions", arguments.predictions),
        truth=_names(kind, getattr(arguments, kind)),
        times=arguments.times,
        nested=arguments.nested,
    )
    repeated = {name for name in wanted.factors if wanted.factors.count(name) > 1}
    if repeated:
        msg = f"factors: got {', '.join(sorted(repeated))} twice, expected different names; name each leading axis once"
        raise ValueError(msg)
    if arguments.noise is not None and not wanted.truth:
        msg = f"noise: got {arguments.noise} alone, expected it beside --labels or --mean; name these"
        raise ValueError(msg)
    saved = _read(file, wanted, arguments)
    predictions, truth = _as_numbers(saved, arguments.loss)
    if arguments.from_probabilities is not None:
        if arguments.loss != "cross-entropy":
            msg = f"from-probabilities: got --loss {arguments.loss}, expected cross-entropy, which is one of logits; leave it out"
            raise ValueError(msg)
        predictions = decomposition.log_probabilities(predictions, smallest=arguments.from_probabilities)
    target = None if truth is None else Target(**{kind: truth, "noise": arguments.noise})
    result = LOSSES[arguments.loss](
        predictions,
        factors=[re.sub(r"\W", "_", name) for name in wanted.factors],
        nested=wanted.nested,
        target=target,
        dims=saved.dims,
        random_points=True if arguments.random_points else None,
        training_size=arguments.training_size,
        times=saved.times,
    )
    return saved, result


def _read(file: Path, wanted: Wanted, arguments: argparse.Namespace) -> Saved:
    if file.suffix == ".npz":
        return from_archive(file, wanted)
    if file.suffix in TABLES:
        return from_table(
            file, wanted, point=arguments.point, delimiter=arguments.delimiter, encoding=arguments.encoding
        )
    msg = f"file: got {file}, expected an archive that ends in .npz, or a table that ends in {', '.join(TABLES)}; "
    msg += "write one by numpy.savez(path, predictions=..., y_test=...)"
    raise ValueError(msg)


def _names(argument: str, text: str | None) -> tuple[str, ...]:
    names = () if text is None else tuple(name.strip() for name in text.split(","))
    if "" in names:
        msg = f"{argument}: got {text!r}, expected names with a comma between them; write --{argument} data,init"
        raise ValueError(msg)
    return names


def _class_names(saved: Saved) -> tuple[str, ...]:
    """The names of the classes by their numbers, where they have names."""
    if saved.classes:
        return saved.classes
    texts = [array.ravel() for array in (saved.predictions, saved.truth) if array is not None]
    is_text = all(array.dtype.kind in "US" for array in texts)
    return tuple(map(str, np.unique(np.concatenate(texts)))) if is_text else ()


def _as_numbers(saved: Saved, loss: str) -> tuple[Any, Any]:
    """Predictions and truth as numbers: names of classes become their places among all names, or among the columns of scores."""
    predictions, truth = saved.predictions, saved.truth
    texts = [array for array in (predictions, truth) if array is not None and array.dtype.kind in "US"]
    if not texts:
        return predictions, truth
    if loss not in OF_CLASSES:
        word = str(texts[0].flat[0])
        msg = f"predictions: got text ({word!r:.40}, ...) for the squared error, expected numbers; names of classes "
        msg += "need a loss of classes: --loss zero-one, kohavi-wolpert or cross-entropy"
        raise ValueError(msg)
    if len(texts) == 2 and not saved.classes:
        names, codes = np.unique(np.concatenate([each.ravel() for each in texts]), return_inverse=True)
        of_predictions, of_truth = np.split(codes.reshape(-1), [predictions.size])
        del names
        return of_predictions.reshape(predictions.shape), of_truth.reshape(texts[1].shape)
    if truth is None:
        return np.unique(predictions, return_inverse=True)[1].reshape(predictions.shape), None
    if predictions.dtype.kind in "US":
        word = str(predictions.flat[0])
        msg = f"labels: got numbers for predictions that are names of classes ({word!r:.40}, ...), expected names "
        msg += "as well; write both alike"
        raise ValueError(msg)
    unknown = sorted({*truth.ravel().tolist()} - {*saved.classes})
    if unknown:
        known = (
            f"one of the columns {', '.join(saved.classes)}"
            if saved.classes
            else "the numbers of the outputs, 0, 1, ..."
        )
        msg = f"labels: got the class {unknown[0]!r} for predictions that are scores, expected {known}; name the column of "
        msg += "scores of each class after it"
        raise ValueError(msg)
    order = {name: place for place, name in enumerate(saved.classes)}
    return predictions, np.array([order[name] for name in truth.ravel().tolist()]).reshape(truth.shape)
