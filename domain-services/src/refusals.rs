//! Commands of administrators that were refused: nothing changed, and the audit log knows who tried.

use crate::db::{Db, DbError};
use crate::events::CommandRefused;
use crate::identity::Acting;
use crate::outbox::{self, NewEvent, Wake, refusal_id};

/// The code of what is refused for want of a role.
const FORBIDDEN: &str = "forbidden";

/// Tells of a refused command, once a session, command, record and code. Who may not give the command at all
/// is told once a session and command, whatever the records: who guesses ids must not fill the log.
pub(crate) async fn tell(
    db: &Db,
    wake: &Wake,
    kind: &'static str,
    acting: Acting<'_>,
    refused: CommandRefused,
) -> Result<(), DbError> {
    let event = event(kind, acting, &refused)?;
    db.write(move |tx| {
        let event = event.clone();
        Box::pin(async move {
            let now_us = tx.now_us().await?;
            outbox::append(tx, now_us, &[event]).await
        })
    })
    .await?;
    wake.ring();
    Ok(())
}

/// Its key is an id of its own: under the record's, a compacted topic would forget the record for it.
fn event(
    kind: &'static str,
    acting: Acting<'_>,
    refused: &CommandRefused,
) -> Result<NewEvent, DbError> {
    let target = refused
        .target_id
        .filter(|_| refused.code != FORBIDDEN)
        .map(|id| id.to_string());
    let operation = format!(
        "{}/{}/{}",
        acting.who.session_id,
        refused.command,
        target.unwrap_or_default()
    );
    let id = refusal_id(kind, acting.who.user_id, &operation, &refused.code);
    let event = NewEvent::new(kind, id, 1, refused)?.caused(&acting.cause());
    Ok(NewEvent { id, ..event })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, Role};
    use uuid::Uuid;

    fn id_of(session: u128, target: u128, code: &str) -> (Uuid, Uuid) {
        let who = Identity {
            user_id: Uuid::from_u128(1),
            roles: Role::Admin.into(),
            session_id: Uuid::from_u128(session),
            expires_us: 0,
            version: 0,
        };
        let refused = CommandRefused {
            command: "PUT /api/v1/users/{id}".to_owned(),
            target_id: Some(Uuid::from_u128(target)),
            code: code.to_owned(),
        };
        let event = event("user.refused", (&who).into(), &refused).unwrap();
        (event.id, event.key)
    }

    #[test]
    fn a_refusal_is_told_once_a_session_record_and_code() {
        let first = id_of(2, 3, "last_admin");
        assert_eq!(id_of(2, 3, "last_admin"), first);
        assert_eq!(first.0, first.1, "it is keyed by itself");
        for other in [
            id_of(9, 3, "last_admin"),
            id_of(2, 9, "last_admin"),
            id_of(2, 3, "precondition_failed"),
        ] {
            assert_ne!(other.0, first.0);
        }
    }

    #[test]
    fn who_guesses_ids_fills_no_log() {
        assert_eq!(id_of(2, 3, "forbidden"), id_of(2, 4, "forbidden"));
    }
}
