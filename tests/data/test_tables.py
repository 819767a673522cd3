import gzip
import inspect
import pathlib
import re
import tempfile
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdl.data import real


def test_a_csv_file_gives_back_its_columns(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\ufeffa, b,c,d\n1,2,3,0\n\n4,5e0, 6,1\n", encoding="utf-8")
    dataset = real.from_csv(path, "a")
    np.testing.assert_array_equal(dataset.x, [[2, 3, 0], [5, 6, 1]])
    np.testing.assert_array_equal(dataset.y, [[1], [4]])
    np.testing.assert_array_equal(real.from_csv(path, ["c", "b"]).y, [[3, 2], [6, 5]])
    np.testing.assert_array_equal(real.from_csv(path, "d", num_classes=2).y, np.eye(2))


@pytest.fixture
def read(tmp_path):
    """`(text or bytes, target, **options) -> Dataset`, by way of a file."""

    def read(content, target="y", **options):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return real.from_csv(path, target, **options)

    return read


# What people's files hold -> the option that reads it, and x and y as they should be.
READ = {
    "line ends of Windows": ("a,y\r\n1.5,2\r\n", {}, [[1.5]], [[2]]),
    "quoted newlines": ('"a\nb",y\n1.5,2\n', {}, [[1.5]], [[2]]),
    "gzip": (gzip.compress(b"a,y\n1.5,2\n"), {}, [[1.5]], [[2]]),
    "semicolons": ("a;y\n1.5;2\n", {"delimiter": ";"}, [[1.5]], [[2]]),
    "tabs": ("a\ty\n1.5\t2\n", {"delimiter": "\t"}, [[1.5]], [[2]]),
    "aligned by spaces": ("a   y\n1.5   2\n", {"delimiter": " "}, [[1.5]], [[2]]),
    "decimal commas": ("a;y\n1,5;2\n", {"delimiter": ";", "decimal": ","}, [[1.5]], [[2]]),
    "latin-1": ("größe,y\n1.5,2\n".encode("latin-1"), {"encoding": "latin-1"}, [[1.5]], [[2]]),
    "utf-16": ("größe,y\n1.5,2\n".encode("utf-16"), {"encoding": "utf-16"}, [[1.5]], [[2]]),
    "no header": ("1.5,2\n", {"names": ["a", "y"]}, [[1.5]], [[2]]),
    "an index without a name": (",a,y\n0,5,2\n1,6,3\n2,8,4\n", {"leave_out": [""]}, [[5], [6], [8]], [[2], [3], [4]]),
    "an index": ("id,a,y\n1,5,2\n2,6,3\n3,8,4\n", {"leave_out": ["id"]}, [[5], [6], [8]], [[2], [3], [4]]),
    "a time 0, 1, 2": ("t,y\n0,5\n1,6\n2,8\n", {"features": ["t"]}, [[0], [1], [2]], [[5], [6], [8]]),
    "a comment column": ("a,name,y\n1.5,Ann,2\n", {"leave_out": ["name"]}, [[1.5]], [[2]]),
    "columns in another order": ("a,b,y\n1,2,3\n", {"features": ["b", "a"]}, [[2, 1]], [[3]]),
    "categories": ("s,y\n male,2\nfemale,3\n", {"categories": {"s": ["female", "male"]}}, [[0, 1], [1, 0]], [[2], [3]]),
    "padded categories": ("s,y\nmale,2\nfemale ,3\n", {"categories": {"s": ["female ", "male"]}}, [[0, 1], [1, 0]], [[2], [3]]),
    "an index of pandas": ("Unnamed: 0,a,y\n7,5,2\n3,6,3\n", {"leave_out": ["Unnamed: 0"]}, [[5], [6]], [[2], [3]]),
    "a stock index": ("a,index,y\n5,7,2\n6,3,3\n", {"features": ["index"]}, [[7], [3]], [[2], [3]]),
    "many zeros": (f"a,y\n{'0' * 5000}1.5,{'0' * 5000}2.0\n", {}, [[1.5]], [[2]]),
    "zeros": ("a,y\n0.000000,-0e-400\n", {}, [[0]], [[0]]),
    "whole numbers that floats hold": ("a,y\n12345678901234568.00,18014398509481984\n", {}, [[12345678901234568]], [[2**54]]),
    "text labels": ("a,y\n1,dog\n3,cat\n", {"categories": {"y": ["cat", "dog"]}}, [[1], [3]], [[0, 1], [1, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_the_files_of_people_are_read_by_the_right_option(name, read):
    content, options, x, y = READ[name]
    dataset = read(content, **options)
    np.testing.assert_array_equal(dataset.x, x)
    np.testing.assert_array_equal(dataset.y, y)


# And without it -> a word of the remedy. No content is read as something else.
REFUSED = {
    **{
        name: (READ[name][0], {}, remedy)
        for name, remedy in {
            "semicolons": "delimiter=';'",
            "tabs": r"delimiter='\\t'",
            "aligned by spaces": "delimiter=' '",
            "latin-1": "encoding='latin-1'",
            "utf-16": "encoding='utf-16'",
            "no header": "names=",
            "an index without a name": r"leave_out=\[''\]",
            "an index": r"leave_out=\['id'\]",
            "an index of pandas": r"leave_out=\['Unnamed: 0'\].*features=",
            "a stock index": r"leave_out=\['index'\].*features=",
            "a time 0, 1, 2": "features=",
            "a comment column": r"leave_out=\['name'\]",
            "categories": r"categories=\{'s': \['female', 'male'\]\}",
            "text labels": r"categories=\{'y': \['cat', 'dog'\]\}",
        }.items()
    },
    "decimal commas": (READ["decimal commas"][0], {"delimiter": ";"}, "decimal=','"),
    "quoted semicolons": ('"a";"y"\n1;2\n', {}, "delimiter=';'"),
    "identifiers": ("a,y\n12_34,1\n", {}, "'12_34' in row 1, column 'a'"),
    "hexadecimal": ("a,y\n0x1F,1\n", {}, "finite number"),
    "digits of another script": ("a,y\n\u0661\u0662,1\n", {}, "finite number.*write '12'"),
    "beyond the range": ("a,y\n1e400,1\n", {}, "rescale"),
    "whole numbers beyond 2**53": ("a,y\n12345678901234567,1\n", {}, "identifier"),
    "thousands": ('a,y\n"1,234",1\n', {}, "thousands"),
    "thousands and a point": ('a,y\n"1,234.5",1\n', {}, "thousands"),
    "thousands beside decimal commas": ("a;y\n1.234,5;1\n", {"delimiter": ";", "decimal": ","}, "decimal=','"),
    "a decimal point beside decimal commas": ("a;y\n1.5;2\n", {"delimiter": ";", "decimal": ","}, "leave decimal=',' out"),
    "beyond the range, with commas": ("a;y\n1,5e400;2\n", {"delimiter": ";", "decimal": ","}, "rescale"),
    "too small": ("a,y\n1e-400,1\n", {}, "rescale"),
    "whole numbers with a point": ("a,y\n12345678901234567.0,1\n", {}, "identifier"),
    "thousands of digits": (f"a,y\n{'7' * 5000},1\n", {}, "rescale.*identifier"),
    "a typeset minus": ("a,y\n\u22121,1\n", {}, r"'\u2212' \(MINUS SIGN\).*write '-1'"),
    "a dash": ("a,y\n\u20131.5,1\n", {}, r"EN DASH.*write '-1.5'"),
    "an exponent of Fortran": ("a,y\n1.5D-03,1\n", {}, r"'D' \(LATIN CAPITAL LETTER D\).*write '1.5e-03'"),
    "a comment first": ("# hello\na,y\n1,2\n", {}, "comment"),
    "a comment later": ("a,y\n# hello\n1,2\n", {}, "1 cells in row 1.*comments"),
    "percent": ("a,y\n5%,1\n", {}, "percent"),
    "a currency": ("a,y\n€5,1\n", {}, "currencies"),
    "dates": ("a,y\n2020-01-31,1\n", {}, "dates"),
    "Booleans": ("a,y\nTrue,1\nFalse,2\n", {}, r"categories=\{'a': \['False', 'True'\]"),
    **{
        f"missing as {cell!r}": (f"a,b,y\n5,5,5\n{cell},6,7\n", {}, f"got '{re.escape(cell)}' in row 2.*impute")
        for cell in ("", "?", "NA", "N/A", "nan", "NaN", "NULL", "None", "inf", "-inf")
    },
    "an unknown category": (
        "s,y\nmale,2\n",
        {"categories": {"s": ["female"]}},
        r"^categories\['s'\]: got 'male' in row 1",
    ),
    "a header of numbers": ("0,1,y\n5,6,7\n", {}, "rename"),
    "the same name twice": ("a,a,y\n5,6,7\n", {}, r"\['a'\] twice"),
    "rows of another length": ("a,y\n1,2\n1,2,3\n", {}, "3 cells in row 2.*expected 2"),
    "row names of R": ("a,y\n1,5,6\n2,7,8\n", {}, "row.names"),
    "a delimiter at each end": ("a,y,\n5,6,\n", {}, r"leave_out=\[''\]"),
    "nothing": ("", {}, "empty"),
    "no rows": ("a,y\n", {}, "no rows"),
    "no features": ("y\n5\n", {}, "^features: "),
    "unpaired quotes": ('a,y\n"1,2\n', {}, "quotes"),
    "zeros": (b"a,y\n1\0,2\n", {}, "NUL"),
    "utf-16 without a mark": ("a,y\n1,2\n".encode("utf-16-le"), {}, "utf-16-le"),
    "a cut gzip file": (gzip.compress(b"a,y\n1,2\n")[:-4], {}, "damaged gzip"),
    "a large gzip file": (gzip.compress(b"a,y\n" + b"1,2\n" * 1000), {"max_bytes": 1000}, "max_bytes"),
    "a workbook": (b"PK\3\4", {}, "save the sheet as CSV"),
    "an unknown target": ("a,b\n1,2\n", {}, r"^target: got 'y', .* one of \['a', 'b'\]"),
    "one column twice": ("a,y\n1,2\n", {"leave_out": ["y"]}, "^leave_out: "),
    "the target as a feature": ("a,y\n1,2\n", {"features": ["a", "y"]}, "^features: "),
    "names as one text": ("a,y\n1,2\n", {"leave_out": "a"}, "^leave_out: .*list of names"),
    "categories as a list": ("a,y\n1,2\n", {"categories": ["a"]}, "^categories: "),
    "too few names": ("1,2\n", {"names": ["y"]}, "^features: "),
    "two delimiters": ("a,y\n1,2\n", {"delimiter": "||"}, "^delimiter: "),
    "one character for both": ("a,y\n1,2\n", {"decimal": ","}, "^decimal: "),
    "an unknown encoding": ("a,y\n1,2\n", {"encoding": "klingon"}, "^encoding: "),
    "a Boolean as count": ("a,y\n1,0\n", {"num_classes": True}, "^num_classes: "),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_table_cannot_mean_is_refused_with_the_option(name, read, unchecked):
    content, options, remedy = REFUSED[name]
    with pytest.raises(ValueError, match=remedy) as told:
        read(content, **options)
    arguments = {*inspect.signature(real.from_csv).parameters}
    assert str(told.value).split(": got ")[0].split("[")[0] in arguments


@pytest.mark.parametrize("numbers", [[*range(5, 15)], [0, 1, 2, *range(4, 14)], [*range(20, 9, -1)]])
def test_row_numbers_with_gaps_are_told(numbers, read):
    content = "id,a,y\n" + "".join(f"{number},{number**2 % 7},1\n" for number in numbers)
    with pytest.warns(UserWarning, match=r"'id'.*leave_out=\['id'\].*features="):
        assert read(content).x.shape == (len(numbers), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(content, features=["id", "a"])
        read("a,id,y\n" + "".join(f"{number**2 % 7},{number},1\n" for number in numbers))
        read("id,y\n" + "".join(f"{number + 0.5},1\n" for number in numbers))
        read("id,y\n" + "".join(f"{2 * number},1\n" for number in numbers))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        real.from_csv(tmp_path / "table.csv", "y")
    with pytest.raises(ValueError, match=r"^path: got .*a folder, expected a file"):
        real.from_csv(tmp_path, "y")


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=5)
)
def test_every_finite_number_is_read_as_it_was_written(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table.csv")
        path.write_text("a,y\n" + "".join(f"{a!r},{y!r}\n" for a, y in rows))
        dataset = real.from_csv(path, "y", features=["a"])
    np.testing.assert_array_equal(np.concatenate([dataset.x, dataset.y], axis=1), rows)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_read_or_refused_in_our_words(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "table.csv")
        path.write_text("a,y\n" + text, newline="")
        try:
            dataset = real.from_csv(path, "y")
        except ValueError as error:
            assert re.match("(path|delimiter|x|y): got ", str(error))  # noqa: PT017 - either outcome is right
            return
    assert np.isfinite(dataset.x).all()
    lines = [line for line in text.replace("\r", "\n").split("\n") if line]
    assert len(dataset.x) <= len(lines)
