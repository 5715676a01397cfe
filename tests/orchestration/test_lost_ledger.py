"""A ledger that was lost, or another one that is named by mistake: told by `check`, and nothing is made a second time."""

import pytest

from assets.catalog import refresh_catalog
from catalog.errors import StoreError
from catalog.failpoint import Armed, FailpointReached, arm
from orchestration.checking import check_project
from resources.ledger_rebuild import rebuild
from resources.project import open_project
from tests.tiny_project import write_project


@pytest.fixture()
def folder(tmp_path):
    folder = write_project(tmp_path / "project", skus=("MUG-1",), looks=False)
    refresh_catalog(open_project(folder))
    return folder


def errors(folder):
    return [(found.where, found.message) for found in check_project(folder) if found.severity == "error"]


def lose_ledger(folder):
    for file in (folder / ".vitrine").glob("ledger.sqlite*"):
        file.unlink()


def test_a_lost_ledger_is_told_and_the_catalog_is_not_read_as_if_it_were_new(folder):
    assert errors(folder) == []
    lose_ledger(folder)
    ((where, message),) = errors(folder)
    assert where == "ledger" and "is empty, but" in message and "vitrine ledger rebuild" in message
    assert not (folder / ".vitrine" / "ledger.sqlite").exists()  # a check makes nothing
    project = open_project(folder)
    with pytest.raises(StoreError, match=r"was lost, or another one is named now\. .* Nothing was changed\."):
        refresh_catalog(project)
    rebuild(project.ledger, project.store)
    assert refresh_catalog(project)["changes"] == []
    assert errors(folder) == []


def test_a_first_reading_that_was_killed_before_its_rows_were_committed_is_no_lost_ledger(tmp_path):
    folder = write_project(tmp_path / "project", skus=("MUG-1",), looks=False)
    arm((Armed(name="ledger.after_record", action="raise", nth=2),))
    try:
        with pytest.raises(FailpointReached):
            refresh_catalog(open_project(folder))
    finally:
        arm(())
    assert open_project(folder).store.has_records("product") and errors(folder) == []
    assert [change["kind"] for change in refresh_catalog(open_project(folder))["changes"]] == ["new"]


def test_a_ledger_that_cannot_be_reached_or_used_is_told_by_check(folder, monkeypatch, postgres_url):
    import sqlalchemy as sa

    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write("ledger: {url_env: LEDGER_OF_TEST}\n")
    lose_ledger(folder)
    for record in (folder / ".vitrine" / "manifests" / "records" / "product").iterdir():
        record.unlink()
    monkeypatch.delenv("LEDGER_OF_TEST", raising=False)
    assert "LEDGER_OF_TEST, which ledger.url_env names, is not set" in errors(folder)[0][1]
    right = sa.make_url(postgres_url)
    monkeypatch.setenv("LEDGER_OF_TEST", right.set(password="wrong").render_as_string(hide_password=False))
    assert "password authentication failed" in errors(folder)[0][1] and "Correct user, password" in errors(folder)[0][1]
    engine = sa.create_engine(right, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE ROLE reader_of_test LOGIN PASSWORD 'x'"))
    try:
        monkeypatch.setenv("LEDGER_OF_TEST", right.set(username="reader_of_test", password="x").render_as_string(hide_password=False))
        assert errors(folder) == [
            ("ledger", "The ledger's tables are not made yet, and its user may not make any. Give the user CREATE on the schema.")
        ]
        with pytest.raises(StoreError, match=r"permission denied for schema public.* Give its user USAGE and CREATE"):
            _ = open_project(folder).ledger
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text("DROP ROLE reader_of_test"))
        engine.dispose()
    monkeypatch.setenv("LEDGER_OF_TEST", postgres_url)
    assert errors(folder) == []
