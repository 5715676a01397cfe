"""What the messages of an upload queue say, and which are no announcements."""

import json

import pytest

from resources.upload_events import UnreadableMessage, UploadEvent, read_message


def record(key="photos/a.jpg", name="ObjectCreated:Put", sequencer="0055aed6", **more):
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "shop"}, "object": {"key": key, "sequencer": sequencer}},
        **more,
    }


def event(key="photos/a.jpg", sequencer="0055AED6"):
    return UploadEvent(bucket="shop", key=key, sequencer=sequencer)


def test_one_message_may_hold_several_records():
    body = json.dumps({"Records": [record("a"), record("b", "ObjectRemoved:Delete"), record("c", "LifecycleExpiration:Delete")]})
    assert read_message(body) == (event("a"), event("b"), event("c"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("my+photo.jpg", "my photo.jpg"), ("a%2Bb.jpg", "a+b.jpg"), ("caf%C3%A9%2F1.jpg", "café/1.jpg"), ("100%25.jpg", "100%.jpg")],
)
def test_keys_are_written_as_in_a_form(written, meant):
    assert read_message(json.dumps({"Records": [record(written)]})) == (event(meant),)


def test_a_key_from_event_bridge_is_taken_as_it_stands():
    detail = {"bucket": {"name": "shop"}, "object": {"key": "a+b%20c.jpg", "sequencer": "00A1"}, "reason": "PutObject"}
    body = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert read_message(json.dumps(body)) == (event("a+b%20c.jpg", "00A1"),)
    assert read_message(json.dumps({**body, "detail-type": "Object Deleted"})) == (event("a+b%20c.jpg", "00A1"),)
    assert read_message(json.dumps({**body, "detail-type": "Object Tags Added"})) == ()


def test_a_notification_inside_an_sns_message_is_read():
    inside = json.dumps({"Records": [record()]})
    assert read_message(json.dumps({"Type": "Notification", "MessageId": "1", "Message": inside})) == (event(),)


@pytest.mark.parametrize(
    "name", ["ObjectTagging:Put", "ObjectAcl:Put", "ObjectRestore:Completed", "LifecycleTransition", "IntelligentTiering"]
)
def test_events_that_change_no_bytes_ask_for_nothing(name):
    assert read_message(json.dumps({"Records": [record(name=name)]})) == ()


def test_the_test_event_that_s3_sends_first_asks_for_nothing():
    assert read_message('{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-21T00:00:00Z","Bucket":"shop"}') == ()


def test_an_event_without_a_sequencer_has_an_empty_one():
    bare = record()
    del bare["s3"]["object"]["sequencer"]
    assert read_message(json.dumps({"Records": [bare]})) == (event(sequencer=""),)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "a JSON list"),
        ("null", "a JSON NoneType"),
        ("[" * 200_000, "no JSON"),
        ('{"hello": 1}', "neither Records nor detail-type, but hello"),
        ('{"Records": 5}', "Records is int"),
        ('{"Records": [7]}', "eventSource"),
        (json.dumps({"Records": [record(eventSource="aws:ses")]}), "eventSource"),
        (json.dumps({"Records": [record(eventName=None)]}), "no eventName"),
        (json.dumps({"Records": [record(s3={"bucket": {}})]}), "which bucket and key"),
        (json.dumps({"Records": [record(s3=None)]}), "which bucket and key"),
        (json.dumps({"Records": [record(key=7)]}), "is no text"),
        (json.dumps({"Records": [record(key="")]}), "is no text"),
        (json.dumps({"Records": [record(sequencer=9)]}), "is no text"),
        (json.dumps({"Records": [record(key="%ff%fe")]}), "not percent-encoded UTF-8"),
        ('{"source": "aws.ec2", "detail-type": "Object Created"}', "source is 'aws.ec2'"),
        ('{"source": "aws.s3", "detail-type": "Object Created", "detail": []}', "which bucket and key"),
        ('{"Type": "Notification", "Message": "hello"}', "the SNS message inside it is no JSON"),
    ],
)
def test_what_is_no_announcement_is_refused_with_its_reason(body, reason):
    with pytest.raises(UnreadableMessage, match=reason):
        read_message(body)


def test_one_bad_record_makes_the_whole_message_unreadable():
    """Half a message must not be taken and then deleted with the other half."""
    with pytest.raises(UnreadableMessage):
        read_message(json.dumps({"Records": [record(), {"eventSource": "aws:s3"}]}))
