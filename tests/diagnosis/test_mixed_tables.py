"""Tables as people have them become numbers, with a note for each decision, or an error that says what to do."""

import numpy as np
import pytest

from jaxdl.diagnosis import read_examples

RNG = np.random.default_rng(0)
NUM_ROWS = 100
AREA = RNG.normal(size=NUM_ROWS).round(3)
PRICE = RNG.normal(size=NUM_ROWS).round(3)
CITY = RNG.choice(["Bonn", "Köln"], size=NUM_ROWS)


def written(tmp_path, columns, delimiter=","):
    lines = [delimiter.join(columns), *(delimiter.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_numbers_and_texts(tmp_path):
    found = read_examples(written(tmp_path, {"area": AREA, "city": CITY, "price": PRICE}), "price")
    np.testing.assert_array_equal(found.x[:, 0], AREA)
    np.testing.assert_array_equal(found.x[:, 1], CITY == "Köln")
    np.testing.assert_array_equal(found.y, PRICE)
    assert (found.columns, found.is_text, found.task, found.notes) == (
        ("area", "city"),
        (False, True),
        "regression",
        (),
    )


def test_semicolons_decimal_commas_and_missing_cells(tmp_path):
    area = with_commas(AREA)
    area[3], area[7] = "", "1.234,5"
    cities = ["n/a", *CITY[1:]]
    prices = ["?", *with_commas(PRICE[1:])]
    found = read_examples(written(tmp_path, {"area": area, "city": cities, "price": prices}, ";"), "price")
    np.testing.assert_array_equal(found.y, PRICE[1:])
    assert np.isnan(found.x[2, 0])
    assert found.x[6, 0] == 1234.5
    assert found.x[0, 0] == AREA[1]
    told = " ".join(found.notes)
    assert "1 of 100 rows have no price" in told
    assert "area: 1 missing cells are filled with the median" in told


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (np.arange(NUM_ROWS), "row numbers"),
        (np.delete(np.arange(NUM_ROWS + 5), [3, 9, 20, 50, 70]), "row numbers"),
        (np.full(NUM_ROWS, 7), "the same in every row"),
        (np.full(NUM_ROWS, ""), "the same in every row"),
        ([f"person {row}" for row in range(NUM_ROWS)], "name rows rather than kinds"),
    ],
)
def test_columns_that_tell_nothing_are_left_out(cells, words, tmp_path):
    found = read_examples(written(tmp_path, {"odd": cells, "area": AREA, "price": PRICE}), "price")
    assert found.columns == ("area",)
    assert words in found.notes[0]


def test_a_target_of_text_or_few_whole_numbers_is_one_of_classes(tmp_path):
    by_name = read_examples(written(tmp_path, {"area": AREA, "city": CITY}), "city")
    assert by_name.classes == ("Bonn", "Köln")
    np.testing.assert_array_equal(by_name.y, CITY == "Köln")
    grades = RNG.integers(3, size=NUM_ROWS)
    path = written(tmp_path, {"area": AREA, "grade": grades})
    assert read_examples(path, "grade").classes == ("0", "1", "2")
    assert read_examples(path, "grade", task="regression").classes == ()


def test_copies_are_left_out_of_numbers_and_told_of_classes(tmp_path):
    area, price, city = (np.concatenate([each, each[:15]]) for each in (AREA, PRICE, CITY))
    found = read_examples(written(tmp_path, {"area": area, "price": price}), "price")
    np.testing.assert_array_equal(found.y, PRICE)
    assert "15 rows are copies" in found.notes[0]
    of_classes = read_examples(written(tmp_path, {"area": area, "city": city}), "city")
    assert len(of_classes.y) == NUM_ROWS + 15
    assert "rows equal others" in of_classes.notes[0]


WRONG = {
    "no such column": ({"area": AREA, "price": PRICE}, "cost", {}, "target: got 'cost', expected a column"),
    "left out": ({"area": AREA, "price": PRICE}, "price", {"leave_out": ("x",)}, "leave-out: got 'x'"),
    "nothing left": ({"area": AREA, "price": PRICE}, "price", {"leave_out": ("area",)}, "without a column to predict"),
    "few rows": ({"area": AREA[:40], "price": PRICE[:40]}, "price", {}, "got 40 rows .* expected 80"),
    "no target": ({"area": AREA, "price": [""] * NUM_ROWS}, "price", {}, "got 0 rows"),
    "constant": ({"area": AREA, "price": [5] * NUM_ROWS}, "price", {}, "got one value"),
    "constant numbers": ({"area": AREA, "price": [5] * NUM_ROWS}, "price", {"task": "regression"}, "numbers that vary"),
    "names": ({"area": AREA, "who": [f"p{row}" for row in range(NUM_ROWS)]}, "who", {}, "100 different values"),
    "no rows": ({"area": [], "price": []}, "price", {}, "a header and no rows"),
    "the target left out": (
        {"area": AREA, "price": PRICE},
        "price",
        {"leave_out": ("price",)},
        "leave-out: got 'price'",
    ),
    "no delimiter": (
        {"area": AREA, "price": PRICE},
        "price",
        {"delimiter": ""},
        "delimiter: got '', expected one character",
    ),
    "another delimiter": ({"area": AREA, "price": PRICE}, "price", {"delimiter": ";"}, "pass --delimiter ','"),
    "a long delimiter": ({"area": AREA, "price": PRICE}, "price", {"delimiter": ", "}, "expected one character"),
    "another encoding": (
        {"area": AREA, "price": PRICE},
        "price",
        {"encoding": "utf-7-8"},
        "for example --encoding 'utf-8'",
    ),
    "some text": ({"area": AREA, "price": ["cheap", *PRICE[1:]]}, "price", {}, "got 'cheap' .* 99 of 100 rows"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_cannot_be_used_says_what_to_do(name, tmp_path):
    columns, target, options, message = WRONG[name]
    with pytest.raises(ValueError, match=message) as raised:
        read_examples(written(tmp_path, columns), target, **options)
    assert "\n" not in str(raised.value)


def test_a_number_beyond_all_floats_is_no_class(tmp_path):
    with pytest.raises(ValueError, match=r"got '1e999' .*correct it or remove the row$"):
        read_examples(written(tmp_path, {"area": AREA, "price": ["1e999", *PRICE[1:]]}), "price")


def test_delimiters_in_quotes_are_none(tmp_path):
    found = read_examples(written(tmp_path, {"area": AREA, '"price; net; EUR"': PRICE}), "price; net; EUR")
    np.testing.assert_array_equal(found.y, PRICE)


def with_commas(values):
    return [str(value).replace(".", ",") for value in values]


def test_points_of_a_table_with_decimal_commas_group_thousands(tmp_path):
    """The cell without a comma among those with one, and the column without any."""
    area, rent = with_commas(AREA), [f"{row % 9 + 1}.{row:03d}" for row in range(NUM_ROWS)]
    area[:4] = "1.234", "1.234,5", "-1.234.567", "0,5"
    path = written(tmp_path, {"area": area, "rent": rent, "price": with_commas(PRICE)}, ";")
    found = read_examples(path, "price")
    np.testing.assert_array_equal(found.x[:4, 0], [1234, 1234.5, -1234567, 0.5])
    np.testing.assert_array_equal(found.x[:, 1], [1000 * (row % 9 + 1) + row for row in range(NUM_ROWS)])
    assert "rent: points such as that of '1.000' are taken to group thousands" in found.notes


def test_points_of_a_table_without_decimal_commas_are_decimal(tmp_path):
    rent = [f"{row % 9 + 1}.{row:03d}" for row in range(NUM_ROWS)]
    found = read_examples(written(tmp_path, {"rent": rent, "price": PRICE}, ";"), "price")
    np.testing.assert_array_equal(found.x[:, 0], np.array(rent, float))


def test_points_that_may_be_either_are_no_numbers(tmp_path):
    """A column with 0,5 and 1.5 does not say what 1.234 is."""
    area = with_commas(AREA)
    area[:3] = "1.5", "1.234", "0,5"
    path = written(tmp_path, {"area": area, "price": with_commas(PRICE)}, ";")
    found = read_examples(path, "price")
    np.testing.assert_array_equal(found.x[:3, 0], [np.nan, np.nan, 0.5])
    assert "area: 2 cells such as '1.5' are no numbers and count as missing" in found.notes
    with pytest.raises(ValueError, match=r"target: got '1\.5' in column 'area'"):
        read_examples(path, "area")


def test_a_column_of_decimal_points_beside_decimal_commas_keeps_them(tmp_path):
    area = [str(value) for value in AREA]
    area[0] = "1.5"
    found = read_examples(written(tmp_path, {"area": area, "price": with_commas(PRICE)}, ";"), "price")
    np.testing.assert_array_equal(found.x[:, 0], [1.5, *AREA[1:]])


@pytest.mark.parametrize("name", ["none", "missing", "null", ".", "?"])
def test_a_class_may_be_called_none(name, tmp_path):
    kinds = RNG.choice([name, "mild", "severe"], size=NUM_ROWS)
    path = written(tmp_path, {"area": AREA, "kind": kinds, "price": PRICE})
    assert read_examples(path, "kind").classes == tuple(sorted([name, "mild", "severe"]))
    of_price = read_examples(path, "price")
    assert len(np.unique(of_price.x[:, 1])) == 3
    assert of_price.notes == ()


@pytest.mark.parametrize("name", ["", "NA", "n/a", "NaN", "#N/A"])
def test_a_class_that_is_not_available_is_missing(name, tmp_path):
    kinds = ["mild", "severe"] * (NUM_ROWS // 2)
    kinds[5] = name
    found = read_examples(written(tmp_path, {"area": AREA, "kind": kinds}), "kind")
    assert (found.classes, len(found.y)) == (("mild", "severe"), NUM_ROWS - 1)


@pytest.mark.parametrize("name", ["none", ".", "?", "missing", "inf", "-NaN"])
def test_none_among_numbers_is_missing(name, tmp_path):
    area, price = AREA.astype(object), PRICE.astype(object)
    area[4], price[7] = name, name
    found = read_examples(written(tmp_path, {"area": area, "price": price}), "price")
    assert np.isnan(found.x[4, 0])
    np.testing.assert_array_equal(found.y, np.delete(PRICE, 7))
