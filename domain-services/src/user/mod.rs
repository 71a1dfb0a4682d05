//! The user service: accounts, departments, sessions and tokens.

mod keys;
mod tokens;

pub use keys::KeyError;
pub use tokens::{ACCESS_TOKEN_SECONDS, IssueError, TokenError, Tokens};
