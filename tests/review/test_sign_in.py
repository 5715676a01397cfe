"""Who may review: hashed passwords, sessions, forged forms, and what the page answers to strangers."""

import datetime as dt
import re
import socket
import stat

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from catalog.errors import SettingsError
from orchestration.cli import app as command
from resources.ledger_tables import decision
from resources.project import open_project
from resources.settings import utc_now
from review.accounts import ACCOUNTS_FILE, add_account, password_fits, read_accounts
from review.desk import Door
from review.sessions import GUESSES, GUESSES_WITHIN_S, Guesses, Sessions
from review.web import build_app
from tests.review.conftest import PASSWORD

BASE = "http://127.0.0.1"


@pytest.fixture
def client(folder):
    with TestClient(build_app(folder), base_url=BASE, follow_redirects=False) as client:
        yield client


def hidden(text, name):
    return re.search(rf'name="{name}" value="([^"]*)"', text).group(1)


def sign_in(client, name="ann", password=PASSWORD, **more):
    token = hidden(client.get("/sign-in").text, "token")
    return client.post("/sign-in", data={"token": token, "name": name, "password": password, **more})


def first_picture(client):
    return re.search(r'href="(/picture/[^"?]+)', client.get("/").text).group(1)


def form_of(client, path):
    text = client.get(path).text
    return {name: hidden(text, name) for name in ("token", "seen", "gate_key")}


def decisions(folder):
    return open_project(folder).ledger.rows(sa.select(decision))


def test_a_stranger_sees_no_picture_and_no_page(client):
    assert client.get("/").headers["location"] == "/sign-in"
    key = "0" * 64
    assert client.get(f"/picture/{key}").status_code == 303
    assert client.get(f"/neighbors/{key}").status_code == 303
    for kind in ("tile", "render", "photo", "overlay/halo"):
        assert client.get(f"/{kind}/{key}").status_code == 401
    assert client.post(f"/picture/{key}", data={"token": "x", "action": "approve", "seen": 0, "gate_key": "x"}).status_code == 401
    assert client.get("/", headers={"HX-Request": "true"}).headers["hx-redirect"] == "/sign-in"


def test_the_cookie_is_out_of_reach_for_scripts_and_for_other_sites(client):
    answer = sign_in(client)
    assert answer.status_code == 303
    (cookie,) = (value for value in answer.headers.get_list("set-cookie") if value.startswith("vitrine_review="))
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


def test_a_decision_needs_the_token_of_the_session(client, folder):
    sign_in(client)
    path = first_picture(client)
    form = {**form_of(client, path), "action": "approve"}
    assert client.post(path, data={**form, "token": "guessed"}).status_code == 403
    assert client.post(path, data=form, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert decisions(folder) == []
    assert client.post(path, data=form, headers={"Origin": BASE}).status_code == 303
    assert [(row["reviewer"], row["action"]) for row in decisions(folder)] == [("ann", "approve")]


def test_a_picture_that_was_judged_anew_meanwhile_is_not_decided_about(client, folder):
    sign_in(client)
    path = first_picture(client)
    answer = client.post(path, data={**form_of(client, path), "action": "approve", "gate_key": "of other rules"})
    assert answer.status_code == 409 and "judged anew" in answer.text
    assert decisions(folder) == []


def test_a_waiver_without_words_is_refused_by_the_server_too(client, folder):
    sign_in(client)
    path = first_picture(client)
    answer = client.post(path, data={**form_of(client, path), "action": "waive", "note": " "})
    assert answer.status_code == 409 and "needs its reason" in answer.text
    assert decisions(folder) == []


def test_signing_out_ends_the_session(client):
    sign_in(client)
    cookie = client.cookies["vitrine_review"]
    token = hidden(client.get("/").text, "token")
    client.post("/sign-out", data={"token": token})
    client.cookies.set("vitrine_review", cookie)
    assert client.get("/").status_code == 303


def test_wrong_passwords_are_refused_and_then_not_even_tried(client):
    assert sign_in(client, password="not the password").status_code == 401
    assert sign_in(client, name="nobody").status_code == 401
    for _ in range(GUESSES - 1):
        sign_in(client, password="not the password")
    assert sign_in(client).status_code == 429
    assert sign_in(client, name="ben").status_code == 303


def test_who_goes_on_trying_a_locked_name_does_not_prolong_the_lock(monkeypatch):
    guesses = Guesses()

    def tries(at_s, times):
        monkeypatch.setattr("review.sessions.time.monotonic", lambda: at_s)
        return [guesses.may_try("ann") for _ in range(times)]

    assert all(tries(0.0, GUESSES))
    assert not any(tries(GUESSES_WITHIN_S / 2, 1) + tries(GUESSES_WITHIN_S - 1.0, 20))
    assert tries(GUESSES_WITHIN_S + 1.0, GUESSES + 1) == [True] * GUESSES + [False]


@pytest.mark.parametrize("then", ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(client, then):
    assert sign_in(client, then=then).headers["location"] == "/"


def test_every_answer_forbids_what_is_not_our_own(client):
    sign_in(client)
    for path in ("/", first_picture(client), "/static/review.js", "/static/nothing", "/sign-in"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy and "http" not in policy
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 400
    assert client.get("/static/../accounts.py").status_code == 404


def test_words_of_the_catalog_cannot_become_markup(client, folder):
    table = folder / "catalog" / "products.csv"
    table.write_text(table.read_text().replace("A mug", "<script>alert(1)</script>"))
    from orchestration.running import refresh

    refresh(open_project(folder))
    sign_in(client)
    text = client.get(first_picture(client)).text
    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text


def test_passwords_are_kept_as_hashes_for_the_owner_only(tmp_path):
    file = tmp_path / ACCOUNTS_FILE
    assert add_account(file, "ann", PASSWORD)
    assert not add_account(file, "ann", PASSWORD + " 2")
    assert PASSWORD not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    accounts = read_accounts(file)
    assert password_fits(accounts, "ann", PASSWORD + " 2")
    assert not password_fits(accounts, "ann", PASSWORD)
    assert not password_fits(accounts, "bea", PASSWORD)


@pytest.mark.parametrize(("name", "password"), [("Ann", PASSWORD), ("../ann", PASSWORD), ("ann\n", PASSWORD), ("ann", "too short")])
def test_bad_names_and_short_passwords_are_refused(tmp_path, name, password):
    with pytest.raises(SettingsError):
        add_account(tmp_path / ACCOUNTS_FILE, name, password)
    assert not (tmp_path / ACCOUNTS_FILE).exists()


@pytest.fixture
def ledger(folder):
    return open_project(folder).ledger


def test_a_session_ends_by_itself(folder, ledger, monkeypatch):
    sessions, accounts = Sessions(), read_accounts(folder / ".vitrine" / ACCOUNTS_FILE)
    cookie = sessions.begin(ledger, accounts, "ann")
    assert sessions.find(ledger, accounts, cookie).reviewer == "ann"
    later = utc_now() + dt.timedelta(hours=13)
    monkeypatch.setattr("review.sessions.utc_now", lambda: later)
    assert sessions.find(ledger, accounts, cookie) is None


def test_another_password_or_none_any_more_ends_the_sessions_of_the_former(client, folder):
    sign_in(client)
    assert client.get("/").status_code == 200
    add_account(folder / ".vitrine" / ACCOUNTS_FILE, "ann", PASSWORD + " 2")
    assert client.get("/").status_code == 303
    sign_in(client, password=PASSWORD + " 2")
    assert client.get("/").status_code == 200
    (folder / ".vitrine" / ACCOUNTS_FILE).write_text('{"reviewers": {}}')
    assert client.get("/").status_code == 303


def test_a_second_server_knows_who_signed_in_at_the_first_one(client, folder):
    sign_in(client)
    with TestClient(build_app(folder), base_url=BASE, follow_redirects=False) as other:
        assert other.get("/").status_code == 303
        other.cookies.set("vitrine_review", client.cookies["vitrine_review"])
        assert other.get("/").status_code == 200


def test_signing_in_again_ends_the_session_before(client):
    sign_in(client)
    former = client.cookies["vitrine_review"]
    sign_in(client)
    assert client.cookies["vitrine_review"] != former
    client.cookies.clear()
    client.cookies.set("vitrine_review", former)
    assert client.get("/").status_code == 303


def test_behind_tls_cookies_are_for_tls_and_for_this_host_only(folder):
    door = Door(hosts=("review.example.com",), tls=True)
    with TestClient(build_app(folder, door), base_url="https://review.example.com", follow_redirects=False) as client:
        answer = sign_in(client)
        (cookie,) = (value for value in answer.headers.get_list("set-cookie") if value.startswith("__Host-vitrine_review="))
        assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/")) and "Domain" not in cookie
        assert answer.headers["strict-transport-security"]
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"Host": "127.0.0.1"}).status_code == 400
        assert client.get("/health", headers={"Host": "10.1.2.3:8100"}).text == "well"


def test_a_form_without_end_is_not_read(client):
    assert client.post("/sign-in", content=b"x" * 70_000).status_code == 413
    assert client.post("/sign-in", content=iter([b"token=x"])).status_code == 413  # does not say how long it is
    answer = client.post("/sign-in", data={"token": "x", "name": "ann", "password": "p" * 2_000})
    assert answer.status_code == 422 and "ppp" not in answer.text and "Not understood" in answer.text


def test_a_sibling_site_cannot_decide_either(client, folder):
    sign_in(client)
    path = first_picture(client)
    form = {**form_of(client, path), "action": "approve"}
    assert client.post(path, data=form, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert client.post(path, data={**form, "after": "../sign-out"}).status_code == 422
    assert decisions(folder) == []


def test_wrong_settings_are_said_on_the_page_and_the_page_comes_back(client, folder, monkeypatch):
    sign_in(client)
    assert client.get("/").status_code == 200
    monkeypatch.setattr("review.queue.LOOKED_UP_EVERY_S", 0.0)
    brand = folder / "brand.yaml"
    text = brand.read_text()
    brand.write_text(text.replace("rules:", "rulez:"))
    wrong = client.get("/")
    assert wrong.status_code == 503 and "rulez" in wrong.text
    brand.write_text(text)
    assert client.get("/").status_code == 200


def test_the_page_opens_to_other_machines_only_behind_tls(folder, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    for more in (["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--name", "review.example.com"], ["--tls"]):
        refused = CliRunner().invoke(command, ["review", "--port", "1", *more])
        assert isinstance(refused.exception, SettingsError) and "Nothing was started" in str(refused.exception)


def test_a_port_that_is_taken_is_said_before_anything_starts(folder, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = CliRunner().invoke(command, ["review", "--port", str(taken.getsockname()[1])])
    assert isinstance(refused.exception, SettingsError) and "--port" in str(refused.exception) and "Review at" not in refused.output


def test_without_reviewers_the_command_says_how_to_add_one(folder, monkeypatch):
    (folder / ".vitrine" / ACCOUNTS_FILE).unlink()
    monkeypatch.setenv("VITRINE_PROJECT", str(folder))
    refused = CliRunner().invoke(command, ["review", "--port", "1"])
    assert isinstance(refused.exception, SettingsError) and "vitrine review add-user NAME" in str(refused.exception)
    added = CliRunner().invoke(command, ["review", "add-user", "cleo"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert added.exit_code == 0 and "cleo may review" in added.output
    assert password_fits(read_accounts(folder / ".vitrine" / ACCOUNTS_FILE), "cleo", PASSWORD)
