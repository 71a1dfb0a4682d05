//! `athena notify dead-letter`: what did not arrive, for the operator to look at, send again or give up.

use crate::cli::{DeadLetterArgs, DeadLetterCommand, SettingArgs};
use crate::config::Config;
use crate::serve::{self, StartError};
use domain_services::notification::{DeadLetter, NotificationError, NotificationService};
use std::fmt;
use std::process::ExitCode;
use sync_core::time::write_rfc3339;
use uuid::Uuid;

/// Exit code where a dead letter was named that is none.
const NO_SUCH_LETTER: u8 = 4;

/// Why a command did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The databases cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The service refused.
    #[error(transparent)]
    Service(#[from] NotificationError),
}

impl DeadLetterCommand {
    /// Where its settings come from.
    #[must_use]
    pub fn settings(&self) -> &SettingArgs {
        match self {
            Self::List { settings, .. } => settings,
            Self::Show(args) | Self::Replay(args) | Self::Discard(args) => &args.settings,
        }
    }
}

/// Runs the command and prints what it finds.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(config: &Config, command: DeadLetterCommand) -> Result<ExitCode, LetterError> {
    let (service, _lock) = serve::notifications(config).await?;
    match command {
        DeadLetterCommand::List { channel, limit, .. } => {
            let letters = service.dead_letters(channel, i64::from(limit)).await?;
            for letter in &letters {
                println!("{}", Line(letter));
            }
            println!("{} dead letters", letters.len());
            Ok(ExitCode::SUCCESS)
        }
        DeadLetterCommand::Show(args) => each(args, async |id| show(&service, id).await).await,
        DeadLetterCommand::Replay(args) => {
            each(args, async |id| {
                service.replay(id).await?;
                println!("{id}: queued again");
                Ok(())
            })
            .await
        }
        DeadLetterCommand::Discard(args) => {
            each(args, async |id| {
                service.discard(id).await?;
                println!("{id}: given up");
                Ok(())
            })
            .await
        }
    }
}

/// Does it with every one, also behind one that is none.
async fn each(
    args: DeadLetterArgs,
    act: impl AsyncFn(Uuid) -> Result<(), NotificationError>,
) -> Result<ExitCode, LetterError> {
    let mut code = ExitCode::SUCCESS;
    for id in args.ids {
        match act(id).await {
            Err(NotificationError::NotFound) => {
                eprintln!("athena: {id} is no dead letter");
                code = ExitCode::from(NO_SUCH_LETTER);
            }
            done => done?,
        }
    }
    Ok(code)
}

async fn show(service: &NotificationService, id: Uuid) -> Result<(), NotificationError> {
    let (letter, report) = service.dead_letter(id).await?;
    println!("{}", Line(&letter));
    if let Some(traceparent) = &letter.traceparent {
        println!("  traceparent {traceparent}");
    }
    for attempt in report.attempts {
        let mut at = [0; 27];
        let at = write_rfc3339(attempt.at.0, &mut at);
        let detail = attempt.detail.unwrap_or_default();
        println!("  {at} {} {detail}", attempt.outcome);
    }
    Ok(())
}

/// A dead letter in a line: tab-separated, so that `cut` and `xargs` can take it.
struct Line<'a>(&'a DeadLetter);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = self.0;
        let mut since = [0; 27];
        let since = write_rfc3339(letter.since.0, &mut since);
        let of = |id: Option<Uuid>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        write!(
            f,
            "{}\t{since}\t{}\t{}\t{}\t{}\trecipient {}\trequest {}\ttries {}",
            letter.id,
            letter.channel.name(),
            letter.status.name(),
            letter.reason.as_deref().unwrap_or("-"),
            letter.template,
            of(letter.recipient_id),
            of(letter.request_id),
            letter.attempts,
        )
    }
}
