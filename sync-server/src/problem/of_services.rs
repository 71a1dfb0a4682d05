//! What the services refuse, as problems. Each match is exhaustive: a new error does not compile until it has
//! a place here.

use super::{Code, InputError, Problem};
use domain_services::approval::ApprovalError;
use domain_services::audit::AuditError;
use domain_services::catalog::CatalogError;
use domain_services::db::DbError;
use domain_services::identity::Forbidden;
use domain_services::invalid::Invalid;
use domain_services::notification::NotificationError;
use domain_services::request::RequestError;
use domain_services::user::UserError;
use sync_core::wire::EnvelopeError;

impl From<DbError> for Problem {
    /// A database that is away is 503, never 500: the phone keeps its queue and tries again.
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) | DbError::Collision(_) => Self::unavailable(error),
            DbError::Unique { .. }
            | DbError::NotNull(_)
            | DbError::Decode(_)
            | DbError::Migrate(_)
            | DbError::Other(_) => Self::internal(error),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(error: Forbidden) -> Self {
        Self::new(Code::Forbidden, error.to_string())
    }
}

impl From<Vec<Invalid>> for Problem {
    fn from(problems: Vec<Invalid>) -> Self {
        let place = |Invalid { pointer, detail }| InputError { pointer, detail };
        Self::invalid_all(problems.into_iter().map(place).collect())
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let said = error.to_string();
        match error {
            UserError::InvalidCredentials => Self::new(Code::InvalidCredentials, said),
            UserError::SessionRevoked => Self::new(Code::SessionRevoked, said),
            UserError::Forbidden(forbidden) => forbidden.into(),
            UserError::NotFound => Self::new(Code::NotFound, said),
            UserError::EmailTaken => Self::new(Code::EmailTaken, said),
            UserError::LastAdmin => Self::new(Code::LastAdmin, said),
            UserError::PreconditionFailed { .. } => Self::new(Code::PreconditionFailed, said),
            UserError::IdTaken => Self::rule("op_id_reused", said),
            UserError::Invalid(problems) => problems.into(),
            UserError::Db(error) => error.into(),
            UserError::Password(error) => Self::internal(error),
            UserError::Issue(error) => Self::internal(error),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let said = error.to_string();
        match error {
            CatalogError::Forbidden(forbidden) => forbidden.into(),
            CatalogError::NotFound => Self::new(Code::NotFound, said),
            CatalogError::IdTaken => Self::rule("op_id_reused", said),
            CatalogError::PreconditionFailed { .. } => Self::new(Code::PreconditionFailed, said),
            CatalogError::Invalid(problems) => problems.into(),
            CatalogError::Db(error) => error.into(),
        }
    }
}

impl From<EnvelopeError> for Problem {
    fn from(error: EnvelopeError) -> Self {
        let said = error.to_string();
        match error {
            EnvelopeError::Malformed(_) | EnvelopeError::TooDeep { .. } => {
                Self::new(Code::MalformedBody, said)
            }
            EnvelopeError::TooManyChanges { .. } => Self::new(Code::BatchTooLarge, said),
        }
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let said = error.to_string();
        match error {
            ApprovalError::WrongUser => Self::new(Code::WrongUser, said),
            ApprovalError::ResyncRequired => Self::new(Code::ResyncRequired, said),
            ApprovalError::NotFound => Self::new(Code::NotFound, said),
            ApprovalError::Rule { code, detail } => Self::rule(code.as_str(), detail),
            ApprovalError::Db(error) => error.into(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Invalid(problems) => problems.into(),
            AuditError::NotFound(said) => Self::new(Code::NotFound, said),
            AuditError::Db(error) => error.into(),
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let said = error.to_string();
        match error {
            RequestError::WrongUser => Self::new(Code::WrongUser, said),
            RequestError::ResyncRequired => Self::new(Code::ResyncRequired, said),
            RequestError::NotFound => Self::new(Code::NotFound, said),
            RequestError::Forbidden(forbidden) => forbidden.into(),
            RequestError::Invalid(problems) => problems.into(),
            RequestError::Rule { code, detail } => Self::rule(code.as_str(), detail),
            RequestError::Db(error) => error.into(),
            RequestError::Shared(error) if error.is_unavailable() => Self::unavailable(error),
            RequestError::Shared(error) => Self::internal(error),
        }
    }
}

impl From<NotificationError> for Problem {
    fn from(error: NotificationError) -> Self {
        let said = error.to_string();
        match error {
            NotificationError::NotFound => Self::new(Code::NotFound, said),
            NotificationError::KeyReused => Self::rule("op_id_reused", said),
            NotificationError::SessionEnded => Self::new(Code::SessionRevoked, said),
            NotificationError::Invalid(problems) => problems.into(),
            NotificationError::Db(error) => error.into(),
        }
    }
}
