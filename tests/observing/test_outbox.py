"""Each event is told to each receiver exactly once where all goes well, at least once where it does not, and never a hundred times."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from orchestration.notifying import deliver_due
from resources.observing_tables import delivery, notice
from resources.outbox import ATTEMPTS_AFTER_S, JITTER, LEASE_S, Notice, claim, enable, notify, notify_in, send_again, settle, wait_s
from resources.project import open_project
from resources.receivers import Answer, receivers_of
from tests.observing.receivers import http_receiver, smtp_server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SETTINGS = """
notifications:
  webhooks: [{name: ops, url_env: OPS_URL, secret_env: OPS_SECRET, allow_private_network: true}]
  slack: [{name: chat, url_env: CHAT_URL, allow_private_network: true, events: [run.failed, quality.drift]}]
"""


@pytest.fixture
def hook():
    with http_receiver() as hook:
        yield hook


@pytest.fixture
def chat():
    with http_receiver() as chat:
        yield chat


@pytest.fixture
def project(tmp_path, monkeypatch, hook, chat):
    monkeypatch.setenv("OPS_URL", hook.url)
    monkeypatch.setenv("OPS_SECRET", SECRET)
    monkeypatch.setenv("CHAT_URL", chat.url)
    (tmp_path / "vitrine.yaml").write_text(SETTINGS)
    return open_project(tmp_path)


def failed(run="r1", message="The base model lacks unet/config.json. Copy it again."):
    facts = {"what": "produce_cell", "cell": "mugs|2026-11-21", "run_id": run}
    return Notice(type="run.failed", key=f"run.failed|{run}", subject="produce_cell mugs|2026-11-21", message=message, facts=facts)


def states(project):
    return {(row["notice_key"], row["receiver"]): row["state"] for row in project.ledger.rows(sa.select(delivery))}


def test_an_event_that_is_told_a_hundred_times_is_delivered_once(project, hook, chat):
    assert [notify(project, failed()) for _ in range(100)] == [True] + [False] * 99
    assert deliver_due(project) == {"delivered": 2}
    assert deliver_due(project) == {}
    assert (len(hook.received), len(chat.received)) == (1, 1)


def test_a_webhook_is_signed_as_standard_webhooks_says(project, hook):
    """Checked with the specification's own library, which shares no code with ours."""
    from standardwebhooks import Webhook

    notify(project, failed())
    deliver_due(project)
    ((headers, body),) = hook.received
    told = Webhook(SECRET).verify(body, headers)
    assert told["type"] == "run.failed" and told["data"]["cell"] == "mugs|2026-11-21" and told["data"]["run_id"] == "r1"
    headers["webhook-signature"] = "v1,AAAA"
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(body, headers)


def test_while_a_secret_is_replaced_both_signatures_are_sent(project, hook, monkeypatch):
    from standardwebhooks import Webhook

    new = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    monkeypatch.setenv("OPS_SECRET", f"{SECRET} {new}")
    notify(project, failed())
    deliver_due(project)
    ((headers, body),) = hook.received
    assert Webhook(SECRET).verify(body, headers) == Webhook(new).verify(body, headers)


def test_a_chat_gets_text_whose_product_words_cannot_call_a_channel(project, chat):
    notify(project, failed(message="Row 3: title is <!channel> & more"))
    deliver_due(project)
    text = json.loads(chat.received[0][1])["text"]
    assert "&lt;!channel&gt; &amp; more" in text and text.startswith("*run.failed* produce_cell mugs|2026-11-21")


def test_a_receiver_is_told_only_what_it_asked_for(project, hook, chat):
    assert notify(project, Notice(type="budget.stopped", key="b", subject="nightly", message="The budget is used up."))
    deliver_due(project)
    assert (len(hook.received), len(chat.received)) == (1, 0)


def test_a_receiver_that_is_down_is_tried_ten_times_and_then_given_up(project, hook, chat):
    hook.answers = [(503, {})]
    event = failed()
    notify(project, event)
    now = event.at
    for attempt in range(1, 11):
        (claimed,) = claim(project, "ops", 5, now)
        assert claimed.attempts == attempt
        state = settle(project, claimed, receivers_of(project.settings)[0].send(claimed.notice), now)
        assert state == ("waiting" if attempt < 10 else "failed")
        now += dt.timedelta(days=2)
    assert claim(project, "ops", 5, now) == []
    assert len(hook.received) == 10
    assert len({headers["webhook-id"] for headers, _ in hook.received}) == 1  # the receiver can tell that it is one event


def test_the_waits_are_those_of_the_design_with_jitter():
    assert ATTEMPTS_AFTER_S[0] == 0 and len(ATTEMPTS_AFTER_S) == 10 and ATTEMPTS_AFTER_S[-1] == 86_400
    for attempt, base in enumerate(ATTEMPTS_AFTER_S):
        if attempt:
            assert all(base * (1 - JITTER) <= wait_s(attempt) <= base * (1 + JITTER) for _ in range(50))


def test_the_receivers_own_wish_when_to_be_asked_again_wins(project, hook):
    hook.answers = [(429, {"Retry-After": "3600"})]
    event = failed()
    notify(project, event)
    (claimed,) = claim(project, "ops", 1, event.at)
    settle(project, claimed, receivers_of(project.settings)[0].send(claimed.notice), event.at)
    assert claim(project, "ops", 1, event.at + dt.timedelta(seconds=3599)) == []
    assert len(claim(project, "ops", 1, event.at + dt.timedelta(seconds=3600))) == 1


def test_a_receiver_that_answers_410_is_off_and_the_others_hear_of_it(project, hook, chat):
    hook.answers = [(410, {})]
    (project.settings.project_dir / "vitrine.yaml").write_text(SETTINGS.replace(", events: [run.failed, quality.drift]", ""))
    project = open_project(project.settings.project_dir)
    notify(project, failed("r1"))
    notify(project, failed("r2"))
    deliver_due(project)
    deliver_due(project)
    assert len(hook.received) == 1
    assert states(project)["run.failed|r2", "ops"] == "dropped"
    assert [json.loads(body)["text"].split("*")[1] for _, body in chat.received] == ["run.failed", "run.failed", "receiver.disabled"]
    notify(project, failed("r3"))
    deliver_due(project)
    assert len(hook.received) == 1
    hook.answers = [(204, {})]
    assert enable(project, "ops") and not enable(project, "ops")
    assert send_again(project) == 4  # r1, r2, r3 and the notice about itself
    deliver_due(project)
    assert len(hook.received) == 5


def test_a_receiver_that_does_not_answer_delays_nobody_else(project, hook, chat, monkeypatch):
    monkeypatch.setenv("OPS_URL", "http://127.0.0.1:9/closed")
    notify(project, failed("r1"))
    notify(project, failed("r2"))
    deliver_due(project)
    assert len(chat.received) == 2
    assert {state for (_, receiver), state in states(project).items() if receiver == "ops"} == {"waiting"}


def test_a_dispatcher_that_was_killed_with_a_notice_in_hand_loses_none(project, hook):
    event = failed()
    notify(project, event)
    assert len(claim(project, "ops", 1, event.at)) == 1  # and dies here
    assert claim(project, "ops", 1, event.at + dt.timedelta(seconds=LEASE_S - 1)) == []
    (again,) = claim(project, "ops", 1, event.at + dt.timedelta(seconds=LEASE_S))
    assert settle(project, again, Answer(delivered=True, code=204, said=""), event.at) == "delivered"


def test_a_hundred_events_told_by_eight_at_once_are_delivered_once_each(project, hook, chat):
    """T26: each exactly one notice, not zero, not a hundred."""
    events = [failed(f"r{number}") for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda event: notify(open_project(project.settings.project_dir), event), events * 3))
        list(pool.map(lambda _: deliver_due(open_project(project.settings.project_dir)), range(4)))
    deliver_due(project)
    assert sorted(json.loads(body)["data"]["run_id"] for _, body in hook.received) == sorted(f"r{number}" for number in range(100))
    assert len(chat.received) == 100


def test_two_transactions_that_tell_of_one_event_tell_it_once(project):
    """A budget's stop is written under another lock than the outbox's own."""
    told = []
    for concern in ("money", "outbox"):
        with project.ledger.writing(concern) as connection:
            told.append(notify_in(connection, project, failed()))
    assert told == [True, False]


def test_a_notice_is_there_exactly_if_what_it_tells_of_was_committed(project):
    with pytest.raises(ZeroDivisionError), project.ledger.writing("outbox") as connection:
        notify_in(connection, project, failed("lost"))
        _ = 1 / 0
    with project.ledger.writing("outbox") as connection:
        notify_in(connection, project, failed("kept"))
    assert [row["key"] for row in project.ledger.rows(sa.select(notice.c.key))] == ["run.failed|kept"]


def test_nobody_to_tell_means_nothing_is_written(tmp_path):
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    project = open_project(tmp_path)
    assert not notify(project, failed())
    assert project.ledger.rows(sa.select(notice)) == []


def test_the_short_setting_gets_the_body_it_always_got(tmp_path, hook):
    (tmp_path / "vitrine.yaml").write_text(f"failure_webhook_url: {hook.url}\n")
    project = open_project(tmp_path)
    notify(project, failed())
    deliver_due(project)
    ((_, body),) = hook.received
    told = {"type": "run.failed", "what": "produce_cell", "cell": "mugs|2026-11-21", "run_id": "r1"}
    assert json.loads(body) == {**told, "message": "The base model lacks unet/config.json. Copy it again."}


def test_mail_says_what_happened_and_can_be_told_from_its_second_copy(tmp_path):
    with smtp_server() as box:
        mail = f"{{name: owner, to: [ops@example.org], sender: vitrine@example.org, host: 127.0.0.1, port: {box.port}, security: none}}"
        (tmp_path / "vitrine.yaml").write_text(f"notifications:\n  email: [{mail}]\n")
        project = open_project(tmp_path)
        box.refuse = True
        event = failed()
        notify(project, event)
        assert deliver_due(project) == {"waiting": 1}
        box.refuse = False
        (claimed,) = claim(project, "owner", 1, event.at + dt.timedelta(days=1))
        assert settle(project, claimed, receivers_of(project.settings)[0].send(claimed.notice)) == "delivered"
    (mail,) = box.mails
    text = mail.content.decode()
    assert "Subject: [Vitrine] run.failed: produce_cell mugs|2026-11-21" in text and "Copy it again." in text
    assert "Message-ID: <msg_" in text and mail.rcpt_tos == ["ops@example.org"]


def test_a_secret_that_is_not_set_is_said_by_name_and_tried_again(project, monkeypatch):
    monkeypatch.delenv("OPS_SECRET")
    notify(project, failed())
    deliver_due(project)
    (row,) = project.ledger.rows(sa.select(delivery).where(delivery.c.receiver == "ops"))
    assert "OPS_SECRET" in row["said"] and row["state"] == "waiting"


@pytest.mark.parametrize("key", ["short", "whsec_c2hvcnQ=", "whsec_!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_a_wrong_secret_signs_nothing(project, monkeypatch, hook, key):
    monkeypatch.setenv("OPS_SECRET", key)
    notify(project, failed())
    deliver_due(project)
    assert hook.received == []


def test_a_secret_in_an_error_does_not_reach_a_chat(project, chat):
    """What a library says of a connection that failed names its whole address."""
    notify(project, failed(message="could not connect to postgresql://vitrine:hunter2hunter2@db/ledger"))
    deliver_due(project)
    ((_, body),) = chat.received
    assert b"hunter2" not in body and b"could not connect" in body


def test_what_waits_for_a_receiver_that_was_renamed_is_dropped(project, hook, chat):
    """It would wait for ever, and with it the alert on undelivered notices."""
    notify(project, failed())
    file = project.settings.project_dir / "vitrine.yaml"
    file.write_text(file.read_text().replace("name: chat", "name: shop-chat"))
    renamed = open_project(project.settings.project_dir)
    assert deliver_due(renamed) == {"dropped": 1, "delivered": 1}
    assert deliver_due(renamed) == {} and chat.received == []
    assert states(renamed)["run.failed|r1", "chat"] == "dropped"
