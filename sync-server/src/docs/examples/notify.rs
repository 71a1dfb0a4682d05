//! Notifications.

use super::L1A;
use serde_json::{Value, json};

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        (
            "PushMessage",
            json!({"recipientId": L1A, "text": "The quarter closes on Friday.", "data": {"subject": "Reminder"}}),
        ),
        (
            "EmailMessage",
            json!({
                "to": "finance@example.com", "template": "approved", "idempotencyKey": "ledger-4711",
                "data": {"title": "Stand at the trade fair", "amount": "1,250.00 EUR"},
            }),
        ),
        (
            "SmsMessage",
            json!({"to": "+4915112345678", "text": "The quarter closes on Friday.", "data": {}}),
        ),
        ("Queued", json!({"id": ID})),
        (
            "Preferences",
            json!({
                "channels": {"waiting": ["push", "sms"], "outcome": ["push"], "final": ["push", "email"]},
                "phone": "+4915112345678", "timeZone": "Europe/Berlin",
                "quietHours": {"from": "22:00", "to": "07:00"},
            }),
        ),
        (
            "PushToken",
            json!({"token": "fGhI-jKlMnOpQrStUvWxYz:APA91b", "platform": "android"}),
        ),
        (
            "NotificationStatus",
            json!({
                "id": ID, "channel": "sms", "status": "delivered",
                "attempts": [
                    {"at": "2026-11-22T10:00:00.000000Z", "outcome": "retry", "detail": "Twilio answers HTTP 503"},
                    {"at": "2026-11-22T10:00:02.500000Z", "outcome": "sent", "detail": null},
                    {"at": "2026-11-22T10:00:04.000000Z", "outcome": "delivered", "detail": null},
                ],
            }),
        ),
    ]
}

const ID: &str = "0195d0c0-7d5c-7000-8000-00000000a001";
