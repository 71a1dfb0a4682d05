//! The user service: accounts, departments, sessions and tokens.
//!
//! [`UserService`] is the facade. Other services hear of people and departments through the events
//! it writes ([`crate::events`]), and know a caller by the [`Identity`](crate::identity::Identity)
//! that [`Tokens`] finds in an access token.

mod accounts;
mod changes;
mod credentials;
mod demo;
mod ended;
mod keys;
mod login;
mod model;
mod passwords;
mod refresh;
mod rules;
mod service;
mod sessions;
mod store;
mod tokens;

pub use crate::key_files::KeyError;
pub use accounts::{FIRST_ADMIN_EMAIL, FirstAdmin};
pub use demo::{DEMO_PASSWORD, demo_user_id};
pub use login::SESSION_IDLE_DAYS_MAX;
pub use model::{
    CreatedUser, LoggedIn, NewDepartment, NewUser, ONE_TIME_TOKEN_DAYS, PasswordChange, UserError,
    UserFilter, UserUpdate, role_filter,
};
pub use passwords::PasswordError;
pub use rules::{
    EMAIL_CHARACTERS_MAX, LOCALE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN, REGION_CHARACTERS_MAX,
};
pub use service::UserService;
pub use tokens::{ACCESS_TOKEN_SECONDS, IssueError, TokenError, Tokens};
