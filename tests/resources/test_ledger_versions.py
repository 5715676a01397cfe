"""The ledger's versions: made new, adopted, upgraded, refused; the same tables by every way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from typer.testing import CliRunner

from catalog.errors import StoreError
from orchestration.cli import app
from resources.ledger import Ledger
from resources.ledger_connection import make_engine
from resources.ledger_schema import MIGRATIONS, VERSION_TABLE, known_versions, upgrade
from resources.ledger_tables import metadata, render, spend

REPOSITORY = Path(__file__).resolve().parents[2]
OLD_LEDGER = Path(__file__).with_name("ledger_without_version.sql")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A new database of each kind."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def migrated(url, to="head"):
    """An engine of a database that has only seen migrations."""
    engine = make_engine(url, "the URL")
    with engine.begin() as connection:
        upgrade(connection, to)
    return engine


def differences(engine):
    """What Alembic would change to get from a database to the tables in the code; its version table aside."""
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": lambda thing, name, kind, *_: not (kind == "table" and name == VERSION_TABLE)}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def collations_and_triggers(engine):
    """What Alembic does not compare, on PostgreSQL."""
    columns = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    triggers = "SELECT pg_get_triggerdef(t.oid), p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT tgisinternal"
    with engine.connect() as connection:
        return [connection.exec_driver_sql(query).all() for query in (columns, triggers)]


def test_migrations_end_at_the_tables_that_the_code_knows(url):
    assert differences(migrated(url)) == []


def test_a_new_ledger_has_the_tables_that_migrations_end_at(url):
    assert differences(Ledger(url).engine) == []


def test_a_missing_index_or_column_would_be_seen(url):
    """The two tests above can fail."""
    engine = migrated(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_render_sku")
        connection.exec_driver_sql("ALTER TABLE render DROP COLUMN facts")
    assert sorted(str(difference[0]) for difference in differences(engine)) == ["add_column", "add_index"]


def test_collations_and_triggers_are_the_same_by_both_ways_on_postgresql(postgres_url, postgres_address):
    new = collations_and_triggers(Ledger(postgres_url).engine)
    with make_engine(postgres_url, "the URL").begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert collations_and_triggers(migrated(postgres_url)) == new
    assert len(new[1]) == 1


def test_versions_are_one_line_and_the_newest_file_is_its_end():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [known_versions()[-1]]
    assert tuple(reversed([step.revision for step in script.walk_revisions()])) == known_versions()


def test_a_ledger_made_before_there_were_versions_is_adopted_without_loss(tmp_path):
    """The file was made by the code as it was then, with a render, a change and a line of costs."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with make_engine(url, "the URL").connect() as connection:
        connection.connection.executescript(OLD_LEDGER.read_text())
    ledger = Ledger(url)
    assert differences(ledger.engine) == []
    assert [row["render_key"] for row in ledger.rows(sa.select(render))] == ["a" * 64]
    assert ledger.rows(sa.select(spend))[0]["usd"] == 0.25
    assert Ledger(url).rows(sa.select(render)) == ledger.rows(sa.select(render))


def test_an_older_ledger_on_one_machine_is_brought_up_when_it_is_opened(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    migrated(url, "0001")
    assert differences(Ledger(url).engine) == []


def test_an_older_ledger_on_postgresql_is_brought_up_by_a_command_only(postgres_url, tmp_path, monkeypatch):
    """A new image must not change the tables under runs of the former one."""
    migrated(postgres_url, "0001")
    (tmp_path / "vitrine.yaml").write_text("ledger: {url_env: LEDGER_OF_TEST}\n")
    monkeypatch.setenv("LEDGER_OF_TEST", postgres_url)
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path))
    with pytest.raises(StoreError, match=r"has version 0001; this code needs .* `vitrine ledger upgrade`"):
        Ledger(postgres_url)
    first = CliRunner().invoke(app, ["ledger", "check"])
    assert (first.exit_code, "Run `vitrine ledger upgrade`" in first.output) == (1, True)
    assert CliRunner().invoke(app, ["ledger", "upgrade"]).exit_code == 0
    assert CliRunner().invoke(app, ["ledger", "upgrade"]).exit_code == 0
    assert CliRunner().invoke(app, ["ledger", "check"]).exit_code == 0
    assert differences(Ledger(postgres_url).engine) == []


def test_a_ledger_of_newer_code_is_refused_and_left_as_it_is(url):
    ledger = Ledger(url)
    with ledger.writing() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"has version 9999; this installation of Vitrine knows versions up to \d{4}\."):
        Ledger(url)


def test_opening_a_ledger_that_is_up_to_date_imports_no_alembic(tmp_path):
    """Alembic takes a tenth of a second to import, and every command, tick and step opens the ledger."""
    probe = """
import json, sys
from pathlib import Path
from resources.ledger import Ledger
Ledger.in_folder(Path(sys.argv[1])); Ledger.in_folder(Path(sys.argv[1]))
print(json.dumps("alembic" in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", probe, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is False
