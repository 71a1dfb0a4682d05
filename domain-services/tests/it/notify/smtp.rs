//! E-mail, to a real SMTP server: aiosmtpd, with TLS and a password, in a process of its own.

use super::desk::{Desk, SECOND_US};
use crate::world::{World, both_engines};
use domain_services::db::sql;
use domain_services::notification::channel::{Email, SmtpSettings};
use domain_services::notification::{Channel, Channels, Dispatcher};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// The server's program: `tests/smtp/server.py`.
struct Smtp {
    child: Child,
    said: BufReader<ChildStdout>,
    told: ChildStdin,
    port: u64,
    ca: Vec<u8>,
}

impl Smtp {
    /// `mode`: `starttls`, `tls`.
    fn start(mode: &str) -> Self {
        let python = std::env::var("ATHENA_TEST_AIOSMTPD").unwrap_or_else(|_| {
            panic!(
                "ATHENA_TEST_AIOSMTPD names no Python with aiosmtpd: scripts/test installs one and sets it"
            )
        });
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/smtp/server.py");
        let mut child = Command::new(python)
            .args([program, mode])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let told = child.stdin.take().unwrap();
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let begun: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            said,
            told,
            port: begun["port"].as_u64().unwrap(),
            ca: begun["ca"].as_str().unwrap().as_bytes().to_vec(),
        }
    }

    /// Everything it has taken so far.
    fn taken(&mut self) -> Vec<Value> {
        self.told.write_all(b"taken\n").unwrap();
        self.told.flush().unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn settings(&self, scheme: &str, password: &str) -> SmtpSettings {
        SmtpSettings {
            url: format!("{scheme}://athena:{password}@localhost:{}", self.port),
            from: "Athena Budget <budget@example.com>".to_owned(),
            ca: Some(self.ca.clone()),
        }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn set_up(world: &World, settings: &SmtpSettings) -> (Desk, Dispatcher) {
    let desk = Desk::open(world).await;
    let dispatcher = desk.dispatcher_to(Channels {
        email: Arc::new(Email::new(settings).unwrap()),
        ..desk.doubles()
    });
    (desk, dispatcher)
}

both_engines!(an_email_arrives_by_starttls, |world| async move {
    let mut smtp = Smtp::start("starttls");
    let (desk, dispatcher) = set_up(&world, &smtp.settings("smtp", "p%40ss")).await;
    desk.person_is(21, "Cid", json!({"locale": "fr"})).await;
    desk.take(&[desk.opened(2)]).await;
    dispatcher.turn(Channel::Email, None).await.unwrap();
    assert_eq!(desk.rows().await, ["21 email level_opened sent"]);
    let taken = smtp.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    let mail = &taken[0];
    assert_eq!(
        (&mail["tls"], &mail["user"]),
        (&json!(true), &json!("athena"))
    );
    assert_eq!(mail["to"], json!(["cid@example.org"]));
    assert_eq!(mail["from"], "budget@example.com");
    assert_eq!(mail["subject"], "Attend votre décision : Trade fair");
    assert!(
        mail["body"].as_str().unwrap().starts_with("Bonjour Cid,"),
        "{mail}"
    );
    assert_eq!(mail["autoSubmitted"], "auto-generated");
    let id = desk.db_id().await;
    assert_eq!(mail["messageId"], format!("<{id}@example.com>"));
});

both_engines!(
    an_email_arrives_by_tls_from_the_first_byte,
    |world| async move {
        let mut smtp = Smtp::start("tls");
        let (desk, dispatcher) = set_up(&world, &smtp.settings("smtps", "p%40ss")).await;
        desk.take(&[desk.opened(2)]).await;
        dispatcher.turn(Channel::Email, None).await.unwrap();
        assert_eq!(
            smtp.taken()[0]["subject"],
            "Waits for your decision: Trade fair"
        );
    }
);

both_engines!(
    what_a_mail_server_refuses_has_its_consequence,
    |world| async move {
        let mut smtp = Smtp::start("starttls");
        let (desk, dispatcher) = set_up(&world, &smtp.settings("smtp", "p%40ss")).await;
        let mut now_us = desk.now_us().await;
        for (name, expected) in [
            ("unknown", "bounced/refused"),
            ("spam", "failed/refused"),
            ("greylisted", "queued"),
        ] {
            desk.person_is(21, name, json!({})).await;
            desk.take(&[desk.opened(2)]).await;
            now_us = now_us.max(desk.now_us().await);
            dispatcher.turn(Channel::Email, Some(now_us)).await.unwrap();
            let row = desk.rows().await.pop().unwrap();
            assert_eq!(row, format!("21 email level_opened {expected}"), "{name}");
        }
        // Greylisted: taken the second time.
        dispatcher
            .turn(Channel::Email, Some(now_us + 3 * SECOND_US))
            .await
            .unwrap();
        assert!(desk.rows().await.pop().unwrap().ends_with(" sent"));
        assert_eq!(smtp.taken().len(), 1);
        for letter in desk.service.dead_letters(None, 10).await.unwrap() {
            let (_, report) = desk.service.dead_letter(letter.id).await.unwrap();
            let detail = report.attempts[0].detail.clone().unwrap();
            assert!(!detail.contains('@'), "{detail}");
        }
    }
);

both_engines!(
    a_mail_server_that_is_away_or_untrusted_costs_no_message,
    |world| async move {
        let mut smtp = Smtp::start("starttls");
        let good = smtp.settings("smtp", "p%40ss");
        let wrong_password = smtp.settings("smtp", "wrong");
        let untrusted = SmtpSettings {
            ca: None,
            ..good.clone()
        };
        let away = SmtpSettings {
            url: "smtp://athena:x@localhost:9".to_owned(),
            ..good.clone()
        };
        let desk = Desk::open(&world).await;
        desk.take(&[desk.opened(2)]).await;
        let mut now_us = desk.now_us().await;
        for (settings, expected) in [
            (&wrong_password, "queued"),
            (&untrusted, "queued"),
            (&away, "queued"),
            (&good, "sent"),
        ] {
            let channels = Channels {
                email: Arc::new(Email::new(settings).unwrap()),
                ..desk.doubles()
            };
            desk.dispatcher_to(channels)
                .turn(Channel::Email, Some(now_us))
                .await
                .unwrap();
            now_us += 20 * SECOND_US;
            assert_eq!(
                desk.rows().await,
                [format!("21 email level_opened {expected}")]
            );
            // Nobody can have been told by a server that let nothing in.
            let (told,): (i64,) = sql("select count(*) from notification where may_have_left")
                .fetch_one(&desk.db)
                .await
                .unwrap();
            assert_eq!(told, i64::from(expected == "sent"));
        }
        assert_eq!(smtp.taken().len(), 1);
    }
);
