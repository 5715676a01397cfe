"""Products in a database: columns mapped, changes noticed cheaply, mistakes told without the password."""

from typing import get_args

import pytest
import sqlalchemy as sa

from catalog.errors import CatalogError
from quality.catalog_suite import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from resources.catalog_settings import OUR_COLUMNS, SqlCatalog
from resources.sql_source import FULL_READ_EVERY_S, SqlTable


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run SQL on the shop's database, which the environment names; a table `articles` with two rows is there."""
    url = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    monkeypatch.setenv("SHOP_DB", url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def run(*statements):
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    run(
        'CREATE TABLE articles (no TEXT, title TEXT, category TEXT, "Order" TEXT, price NUMERIC, changed INTEGER)',
        "INSERT INTO articles VALUES ('B', 'Blue mug', 'mugs', 'b.jpg', 9.5, 1), ('A', 'Red mug', 'mugs', 'a.jpg', 14, 2)",
    )
    return run


def table(**settings):
    columns = {"sku": "no", "photos": "Order"}
    origin = {} if "query" in settings else {"table": "articles"}
    return SqlTable(SqlCatalog.model_validate({"kind": "sql", "url_env": "SHOP_DB", "columns": columns, **origin, **settings}))


def test_rows_come_by_sku_under_our_names_as_text(execute):
    assert table().read().frame.to_dict("records") == [
        {"sku": "A", "title": "Red mug", "category": "mugs", "photos": "a.jpg", "price": "14"},
        {"sku": "B", "title": "Blue mug", "category": "mugs", "photos": "b.jpg", "price": "9.5"},
    ]


def test_a_query_may_join_cast_and_hold_colons(execute):
    query = "SELECT no AS sku, title || ' :x' AS title, 'mugs' AS category, \"Order\" AS photos FROM articles WHERE no = 'A';"
    assert table(query=query, columns={}).read().frame["title"].tolist() == ["Red mug :x"]


def test_with_updated_at_a_changed_a_new_and_a_deleted_row_are_noticed(execute, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1e9)
    shop = table(updated_at="changed")
    seen = [shop.fingerprint(), shop.fingerprint()]
    assert seen[0] == seen[1]
    for statement in ("UPDATE articles SET title = 'x', changed = 3 WHERE no = 'B'", "DELETE FROM articles WHERE no = 'A'"):
        execute(statement)
        seen.append(shop.fingerprint())
    assert len(set(seen)) == 3


def test_with_updated_at_the_rows_are_read_again_once_an_hour(execute, monkeypatch):
    """A long transaction commits rows that are older than the newest one seen."""
    shop, now = table(updated_at="changed"), 1e9
    monkeypatch.setattr("time.time", lambda: now)
    before = shop.fingerprint()
    execute("UPDATE articles SET title = 'x' WHERE no = 'B'")
    assert shop.fingerprint() == before
    now += FULL_READ_EVERY_S
    assert shop.fingerprint() != before


def test_without_updated_at_any_changed_cell_is_noticed(execute):
    before = table().fingerprint()
    execute("UPDATE articles SET price = 10 WHERE no = 'B'")
    assert table().fingerprint() != before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"table": "products"}, r"no such table or view. There are? .*articles"),
        (
            {"columns": {"sku": "number", "photos": "Order"}},
            r"catalog.columns names sku: number, which is not there.*Its columns are no, title",
        ),
        ({"columns": {"sku": "no"}}, "nothing is mapped to photos"),
        ({"updated_at": "touched"}, "updated_at: touched"),
        ({"query": "SELEC 1"}, "cannot be read: .*syntax error"),
        ({"query": "DELETE FROM articles"}, "cannot be read"),
        ({"url_env": "OTHER_DB"}, "variable OTHER_DB, which catalog.url_env names, is not set"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_there(execute, settings, said):
    with pytest.raises(CatalogError, match=said):
        table(**settings).read()


@pytest.mark.parametrize("url", ["postgresql+psycopg2//user:hunter2@host/shop", "nosuch://user:hunter2@host/shop"])
def test_a_wrong_url_is_told_without_its_password(monkeypatch, url):
    monkeypatch.setenv("SHOP_DB", url)
    with pytest.raises(CatalogError, match="SHOP_DB") as caught:
        table().read()
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"


def test_a_missing_sqlite_file_is_an_error_and_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{tmp_path / 'gone.sqlite'}")
    with pytest.raises(CatalogError, match=r"gone.sqlite, which does not exist"):
        table().read()
    assert not (tmp_path / "gone.sqlite").exists()


def test_a_database_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setenv("SHOP_DB", "postgresql+psycopg2://user:hunter2@127.0.0.1:1/shop")
    with pytest.raises(CatalogError, match=r"cannot be read: .*refused") as caught:
        table().read()
    assert "hunter2" not in str(caught.value)


def test_either_a_table_or_a_query_is_named():
    with pytest.raises(ValueError, match="either `table` or `query`"):
        SqlCatalog.model_validate({"kind": "sql", "url_env": "SHOP_DB"})


def test_every_column_of_a_product_table_can_be_mapped():
    assert get_args(OUR_COLUMNS) == REQUIRED_COLUMNS + OPTIONAL_COLUMNS
