"""What the forms and addresses of the page do, asked as a browser asks, on a shop without pixels."""

import html
import re
import shutil

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from resources.ledger_tables import decision, render
from resources.project import open_project
from review.accounts import ACCOUNTS_FILE, add_account
from review.web import build_app
from tests.made_up_work import Shop
from tests.review.conftest import PASSWORD


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("deciding") / "shop")
    shop.catalog = {f"SKU-{n:02}": ({"title": "A thing", "category": "mugs", "color": "Red"}, f"photo SKU-{n:02}") for n in range(20)}
    shop.brand["recipes"] = ["packshot_white", "backdrop"]
    shop.brand["channels"][0]["recipes"] = ["packshot_white"]
    shop.sync()
    shop.work_everywhere()
    add_account(shop.folder / ".vitrine" / ACCOUNTS_FILE, "ann", PASSWORD)
    return shop.folder


@pytest.fixture
def folder(worked, tmp_path):
    return shutil.copytree(worked, tmp_path / "shop")


@pytest.fixture
def client(folder):
    with TestClient(build_app(folder), base_url="http://127.0.0.1", follow_redirects=False) as client:
        token = field(client.get("/sign-in").text, "token")
        client.post("/sign-in", data={"token": token, "name": "ann", "password": PASSWORD})
        yield client


def field(text, name):
    return re.search(rf'name="{name}" value="([^"]*)"', text).group(1)


def pictures(client, query=""):
    return re.findall(r'class="tile" href="(/picture/[^"?]+)', client.get("/" + query).text)


def decide(client, path, action, **more):
    text = client.get(path).text
    form = {name: field(text, name) for name in ("token", "seen", "gate_key", "after")}
    return client.post(path, data={**form, "action": action, **more})


def decided(folder):
    rows = open_project(folder).ledger.rows(sa.select(decision).order_by(decision.c.id))
    return [(row["action"], row["gate_verdict"], row["fault"], row["note"]) for row in rows]


def test_an_approved_picture_is_marked_as_wrongly_approved_with_its_fault_and_the_mark_is_taken_back(client, folder):
    path = pictures(client, "?state=approved")[0]
    refused = decide(client, path, "reject")
    assert refused.status_code == 409 and "say what is wrong" in refused.text
    assert decide(client, path, "reject", fault="delta_e_p95", note="far too red").status_code == 303
    assert decided(folder) == [("reject", "approved", "delta_e_p95", "far too red")]
    assert pictures(client, "?state=decided") == [path] and path not in pictures(client, "?state=approved")
    assert decide(client, path, "undo").headers["location"].startswith(path)
    assert pictures(client, "?state=decided") == [] and path in pictures(client, "?state=approved")


def test_undo_goes_back_decision_by_decision_from_wherever_one_is(client, folder):
    first, second, third = pictures(client)[:3]
    decide(client, first, "approve")
    decide(client, second, "reject")
    assert decide(client, third, "undo").headers["location"].startswith(second)
    assert decide(client, third, "undo").headers["location"].startswith(first)
    refused = decide(client, third, "undo")
    assert refused.status_code == 409 and "nothing" in refused.text
    assert [action for action, *_ in decided(folder)] == ["approve", "reject", "undo", "undo"]


def test_no_new_seed_where_nothing_is_drawn_and_the_page_says_why(client, folder):
    path = pictures(client)[0]
    assert "drawn by a model" in client.get(path).text and 'value="new_seed"' not in client.get(path).text
    refused = decide(client, path, "new_seed")
    assert refused.status_code == 409 and "change grain at most" in refused.text
    assert decided(folder) == []


def test_forms_with_unknown_words_are_not_understood(client, folder):
    path = pictures(client)[0]
    assert decide(client, path, "publish").status_code == 422
    assert decide(client, path, "reject", fault="ugly").status_code == 409
    assert decided(folder) == []


def test_a_picture_is_kept_by_the_browser_as_long_as_its_bytes_are_those(client, folder):
    tile = re.search(r'src="(/tile/([0-9a-f]{64})\?v=([0-9a-f]{16}))"', client.get("/").text)
    digest = open_project(folder).ledger.by_keys(render, [tile.group(2)])[tile.group(2)]["render_digest"]
    answer = client.get(tile.group(1), headers={"If-None-Match": f'"{digest}"'})
    assert answer.status_code == 304 and "immutable" in answer.headers["cache-control"] and "private" in answer.headers["cache-control"]
    other = client.get(f"/tile/{tile.group(2)}?v=0000", headers={"If-None-Match": f'"{digest}"'})
    assert other.status_code == 304 and other.headers["cache-control"] == "private, no-cache"
    lost = client.get(tile.group(1))
    assert lost.status_code == 404 and "missing" in lost.text, "this shop has no pixels, and the page says so instead of failing"


def test_lists_go_on_page_by_page_and_nonsense_in_an_address_is_the_first_page(client, monkeypatch):
    everything = pictures(client)
    monkeypatch.setattr("review.looking.TILES_PER_PAGE", 2)
    seen, address = [], "/"
    while address:
        text = client.get(address).text
        seen += re.findall(r'class="tile" href="(/picture/[^"?]+)', text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        address = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == everything and len(everything) > 4
    assert pictures(client, "?after=nonsense") == everything[:2]


@pytest.mark.parametrize("state", ["open", "approved"])
def test_the_next_picture_is_loaded_ahead_from_the_address_that_its_page_asks_for(client, state):
    text = client.get(pictures(client, f"?state={state}")[0] + f"?state={state}").text
    following = re.search(r'rel="next" href="([^"]+)" data-preload="([^"]+)"', text)
    its_page = client.get(html.unescape(following[1])).text
    assert html.unescape(following[2]) == html.unescape(re.search(r'<img src="([^"]+)"[^>]*id="render"', its_page)[1])


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A shop with scenes, so with new seeds to ask for."""
    shop = Shop(tmp_path_factory.mktemp("staged") / "shop")
    shop.catalog = {f"SKU-{n:02}": ({"title": "A thing", "category": "mugs", "color": "Red"}, f"photo SKU-{n:02}") for n in range(6)}
    shop.brand["recipes"] = ["packshot_white", "staged_scene"]
    shop.brand["channels"][0]["recipes"] = ["packshot_white"]
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    add_account(shop.folder / ".vitrine" / ACCOUNTS_FILE, "ann", PASSWORD)
    return shop


def test_a_picture_that_a_new_seed_was_asked_for_leads_to_the_list_and_the_list_takes_it_back(staged, tmp_path):
    """Its own address said that it is gone, and undo was on the pages of other pictures alone."""
    shop = Shop(shutil.copytree(staged.folder, tmp_path / "shop"), brand=staged.brand, catalog=staged.catalog)
    with TestClient(build_app(shop.folder), base_url="http://127.0.0.1", follow_redirects=False) as client:
        client.post("/sign-in", data={"token": field(client.get("/sign-in").text, "token"), "name": "ann", "password": PASSWORD})
        assert 'action="/undo"' not in client.get("/").text
        path = pictures(client, "?recipe=staged_scene")[0]
        assert decide(client, path, "new_seed").status_code == 303
        gone = client.get(path)
        assert gone.status_code == 404 and "ann asked at" in gone.text and "next run" in gone.text and 'href="/"' in gone.text
        shop.work_everywhere()
        drawn = client.get(path)
        (successor,) = re.findall(r'href="(/picture/[0-9a-f]{64})"', drawn.text)
        assert "drawn and judged" in drawn.text and client.get(successor).status_code == 200
        listed = client.get("/").text
        assert "you asked for a new seed: SKU-" in listed
        back = client.post("/undo", data={"token": field(listed, "token")})
        assert (back.status_code, back.headers["location"]) == (303, path) and client.get(path).status_code == 200
        again = client.post("/undo", data={"token": field(listed, "token")})
        assert again.status_code == 409 and "Nothing was taken back" in again.text and "Nothing was changed" in again.text
        assert client.post("/undo", data={"token": "forged"}).status_code == 403
        unknown = client.get("/picture/" + "0" * 64)
        assert unknown.status_code == 404 and "No such picture" in unknown.text
