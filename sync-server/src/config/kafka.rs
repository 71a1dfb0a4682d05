//! How the settings of Kafka are read.

pub(super) fn brokers(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let one = |broker: &str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok()
        })
    };
    if text.split(',').all(|broker| one(broker.trim())) {
        Ok(Some(text.to_owned()))
    } else {
        Err(format!(
            "must name brokers such as `kafka-1:9092,kafka-2:9092`, not `{text}`"
        ))
    }
}

pub(super) fn sasl(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&text) {
        Ok(Some(text.to_owned()))
    } else {
        Err(format!(
            "must be `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, not `{text}`"
        ))
    }
}

/// What Kafka allows in the names of topics.
fn is_topic_text(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    text.len() <= 100 && text.chars().all(good)
}

pub(super) fn topic_prefix(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_topic_text(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must have at most 100 letters, digits, dots, hyphens or underscores, not `{text}`"
        ))
    }
}

pub(super) fn instance(text: &str) -> Result<Option<String>, String> {
    topic_prefix(text).map(|name| Some(name).filter(|name| !name.is_empty()))
}
