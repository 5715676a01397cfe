"""Product tables in files: which file is meant, and what each format's cells become."""

import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.errors import CatalogError
from resources.table_files import choose_table, parse_table


def jsonl(text):
    return parse_table(text.encode(), "products.jsonl", "shop").frame.to_dict("records")


def parquet(columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return parse_table(file.getvalue(), "products.parquet", "shop").frame.to_dict("list")


def test_the_only_products_table_is_taken_and_other_tables_are_let_be():
    assert choose_table(["brands.csv", "products.parquet", "notes.txt"], None, "shop") == "products.parquet"


def test_several_products_tables_are_an_error_that_names_them():
    with pytest.raises(CatalogError, match=r"2 product tables in shop: products.csv, products.jsonl.*catalog.table"):
        choose_table(["products.jsonl", "products.csv"], None, "shop")
    assert choose_table(["products.jsonl", "products.csv"], "products.jsonl", "shop") == "products.jsonl"


def test_a_table_that_is_not_there_is_an_error_that_says_what_is():
    with pytest.raises(CatalogError, match=r"no export.csv in shop.*Tables there: products.csv"):
        choose_table(["products.csv"], "export.csv", "shop")
    with pytest.raises(CatalogError, match=r"no products.csv, products.jsonl or products.parquet in shop"):
        choose_table([], None, "shop")


def test_json_numbers_keep_their_digits_and_missing_names_are_empty_cells():
    rows = jsonl('{"sku": 12345678901234567890, "price": 14.00}\n\n{"sku": "A", "photos": ["a.jpg", "b.jpg"], "title": null}\n')
    assert rows == [
        {"sku": "12345678901234567890", "price": "14.00", "photos": "", "title": ""},
        {"sku": "A", "price": "", "photos": "a.jpg;b.jpg", "title": ""},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"sku": "A"}\n{"sku": ', "line 2, is no JSON object"),
        ('["A"]', "line 1, holds list"),
        ('{"sku": "A", "sku": "B"}', "'sku' stands twice"),
        ('{"sku": "A"}\n{"sku": {"de": "A"}}', "row 2, column 'sku' holds dict"),
        ("\n", "no product in it"),
    ],
)
def test_a_broken_jsonl_file_is_told_with_the_place(text, said):
    with pytest.raises(CatalogError, match=said):
        jsonl(text)


def test_parquet_numbers_read_as_a_person_would_write_them():
    """A SKU of digits with a gap in the column becomes a float in pandas; a 32-bit 12.3 is 12.300000190734863 in Python."""
    cells = parquet(
        {
            "sku": pa.array([1001.0, None]),
            "width_cm": pa.array([12.3, 8.0], pa.float32()),
            "price": pa.array([Decimal("14.00"), Decimal("9.95")]),
            "in_stock": pa.array([3, None], pa.int64()),
            "title": pa.array(["Mug", None]).dictionary_encode(),
        }
    )
    assert cells == {
        "sku": ["1001", ""],
        "width_cm": ["12.3", "8"],
        "price": ["14", "9.95"],
        "in_stock": ["3", ""],
        "title": ["Mug", ""],
    }


def test_bytes_that_are_no_parquet_are_an_error_in_one_sentence():
    with pytest.raises(CatalogError, match=r"shop/products.parquet is not a readable Parquet table"):
        parse_table(b"PAR1 but no more", "products.parquet", "shop")
