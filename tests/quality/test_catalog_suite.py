"""Which rows of a raw product table are products, and what is said about the others."""

import pandas as pd
import pytest

from catalog.errors import CatalogError
from quality.catalog_suite import check_catalog, check_parts


def row(**changes):
    good = {
        "sku": "MUG-1", "title": "Mug", "description": "Stoneware.", "category": "mugs", "color": "Sage", "material": "", "width_cm": "12.5",
        "depth_cm": "9", "height_cm": "", "price": "14.00", "currency": "USD", "photos": "mug-1.jpg",
    }  # fmt: skip
    return good | changes


def check(*rows):
    return check_catalog(pd.DataFrame(rows, dtype=str))


def test_a_good_row_becomes_a_product():
    (product,) = check(row(photos="a.jpg; b.jpg|c.jpg")).good
    assert product.photos == ("a.jpg", "b.jpg", "c.jpg")
    assert (product.width_cm, product.height_cm, product.price) == (12.5, None, 14.0)


def test_good_rows_go_on_beside_bad_ones():
    result = check(row(), row(sku="MUG-2", width_cm="12,5"), row(sku="MUG-3"))
    assert [p.sku for p in result.good] == ["MUG-1", "MUG-3"]
    (bad,) = result.bad
    assert (bad.row, bad.sku) == (3, "MUG-2")
    assert bad.reasons == ("width_cm '12,5' is not a length in centimeters above 0 and up to 2000 (write 12.5, or leave it empty)",)
    assert result.statistics["rows"] == 3 and result.statistics["bad"] == 1


def test_of_rows_with_the_same_sku_none_is_taken():
    result = check(row(), row(title="Another"), row(sku="MUG-2"))
    assert [p.sku for p in result.good] == ["MUG-2"]
    assert [bad.row for bad in result.bad] == [2, 3]
    assert "stands in more than one row" in result.bad[0].reasons[0]


def test_skus_that_differ_by_capitals_alone_are_the_same_sku():
    result = check(row(), row(sku="mug-1"), row(sku="MUG-2"))
    assert [p.sku for p in result.good] == ["MUG-2"]
    assert "SKU 'mug-1' stands in more than one row" in result.bad[1].reasons[0]


BAD_CELLS = [
    ({"sku": ""}, "sku is empty"),
    ({"sku": "a b"}, "letters, digits"),
    ({"title": "  "}, "title is empty"),
    ({"title": "x" * 201}, "more than 200 characters"),
    ({"category": "Mugs & Cups"}, "small letters"),
    ({"photos": ""}, "photos is empty"),
    ({"photos": "../../etc/passwd"}, "leaves the photo folder"),
    ({"height_cm": "0"}, "height_cm '0'"),
    ({"height_cm": "-4"}, "height_cm '-4'"),
    ({"depth_cm": "nan"}, "depth_cm 'nan'"),
    ({"width_cm": "3000"}, "up to 2000"),
    ({"price": "free"}, "price 'free'"),
    ({"currency": "EURO"}, "ISO 4217"),
]


def test_a_bad_cell_is_named_with_its_value():
    rows = [row(**({"sku": f"MUG-{i}"} | changes)) for i, (changes, _) in enumerate(BAD_CELLS)]
    result = check(*rows, row(sku="MUG-99"))
    assert [p.sku for p in result.good] == ["MUG-99"]
    for bad, (changes, words) in zip(result.bad, BAD_CELLS, strict=True):
        assert any(words in reason for reason in bad.reasons), (changes, bad)


def test_everything_wrong_with_a_row_is_said_at_once():
    (bad,) = check(row(sku="a b", category="X Y", price="-1")).bad
    assert len(bad.reasons) == 3


def test_missing_columns_name_what_was_found_and_the_likely_meaning():
    with pytest.raises(CatalogError, match=r"lacks the columns title, category; it has sku, Title, categry.*'categry' for 'category'"):
        check_catalog(pd.DataFrame([{"sku": "1", "Title": "t", "categry": "c", "photos": "p"}]))


def test_a_misspelt_optional_column_is_not_ignored():
    with pytest.raises(CatalogError, match="'widht_cm'; did you mean 'width_cm'"):
        check_catalog(pd.DataFrame([{"sku": "1", "title": "t", "category": "c", "photos": "p", "widht_cm": "3"}]))


def test_a_column_that_is_nothing_of_ours_is_allowed():
    assert len(check_catalog(pd.DataFrame([row() | {"erp_id": "77"}])).good) == 1


def test_a_table_without_rows_is_refused():
    with pytest.raises(CatalogError, match="no rows"):
        check_catalog(pd.DataFrame(columns=["sku", "title", "category", "photos"]))


def test_empty_optional_cells_take_their_defaults():
    (product,) = check_catalog(pd.DataFrame([{"sku": "1", "title": "t", "category": "c", "photos": "p.jpg"}])).good
    assert product.currency == "USD" and product.price is None


@pytest.mark.parametrize("price", ["1_000", "\u0661\u0662", "0x10", "1 000"])
def test_what_only_python_calls_a_number_is_no_price(price):
    assert "price" in check(row(price=price), row(sku="MUG-2")).bad[0].reasons[0]


@pytest.mark.parametrize("price", ["14", "14.", ".5", "+2.50", "1e2"])
def test_numbers_as_spreadsheets_write_them_are_prices(price):
    assert check(row(price=price)).good[0].price == float(price)


def test_a_table_with_semicolons_is_called_that():
    with pytest.raises(CatalogError, match="semicolons"):
        check_catalog(pd.DataFrame({"sku;title;category;photos": ["A;B;mugs;a.jpg"]}))


def test_a_table_checked_in_parts_gives_what_it_gives_whole():
    """Of rows that share a SKU none is taken, also when they stand in different parts."""
    rows = [row(sku=f"MUG-{n % 7}", price="a lot" if n == 4 else "14.00", photos="a.jpg") for n in range(9)]
    whole, parts = check(*rows), list(check_parts(pd.DataFrame(rows, dtype=str), part_rows=2))
    assert len(parts) == 5
    assert [item for part in parts for item in part.good] == list(whole.good)
    assert [bad for part in parts for bad in part.bad] == list(whole.bad)
    assert [bad.row for bad in whole.bad] == [2, 3, 6, 9, 10]
