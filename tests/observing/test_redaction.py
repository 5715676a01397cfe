"""What must not be in a log is not in it, and what is harmless stays readable."""

import pytest

from resources.redaction import HIDDEN, redacted, remember_secret
from resources.settings import secret_from_environment


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql+psycopg2://vitrine:s3cr3t-pw@db.internal/ledger", "s3cr3t-pw"),
        ("GET https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAEXAMPLE&X-Amz-Signature=deadbeefcafe", "deadbeefcafe"),
        ("https://hooks.slack.com/services/T000/B000/abcDEF123", "abcDEF123"),
        ("Authorization: Bearer abc.def-ghi_123", "abc.def-ghi_123"),
        ("{'Authorization': 'Basic dXNlcjpwYXNzd29yZA=='}", "dXNlcjpwYXNzd29yZA"),
        ("password=hunter22 is wrong", "hunter22"),
        ('{"api_key": "k-123456789"}', "k-123456789"),
        ("DB_PASSWORD: 'opensesame'", "opensesame"),
        ("token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcDEF", "eyJzdWIiOiIxMjM0"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("hf_abcdefghijklmnop refused", "hf_abcdefghijklmnop"),
        ("mail from jane.doe+shop@example.co.uk bounced", "jane.doe"),
        ("https://shop.example/cb?access_token=ya29.secretsecret&x=1", "ya29.secretsecret"),
    ],
)
def test_a_secret_is_hidden(text, secret):
    assert secret not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "mugs|2026-11-21: 12 renders to make in 4 groups",
        "https://example.com/path?page=2&size=10",
        "render_key 0f3a staged_scene 2 took 1.25 s",
        "Loss 0.5749 at step 24 of 30; tokens: 32",
        "/photos/MUG-1@2x.jpg",
        "LoRA 8f2a@r12 promoted",
    ],
)
def test_what_is_harmless_stays_as_it_is(text):
    assert redacted(text) == text


def test_a_secret_the_settings_read_is_hidden_wherever_it_turns_up(monkeypatch):
    monkeypatch.setenv("SHOP_LOGIN", "plain words only")
    secret_from_environment("SHOP_LOGIN")
    assert "plain words only" not in redacted("the server said: plain words only!")


def test_short_values_are_not_hidden_or_logs_could_not_be_read():
    remember_secret("dev")
    assert redacted("a device in dev mode") == "a device in dev mode"
