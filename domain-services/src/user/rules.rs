//! What an account and a department must look like. Pure.

use super::{NewDepartment, NewUser, UserUpdate};
use crate::events::User;
use crate::identity::{Role, Roles};
use crate::invalid::{Invalid, check_text, none_of};

/// Characters of a password at least.
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// Characters of a password at most.
pub const PASSWORD_CHARACTERS_MAX: usize = 256;
/// Characters of a person's or a department's name at most.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Characters of an e-mail address at most (RFC 5321).
pub const EMAIL_CHARACTERS_MAX: usize = 254;
/// Characters of a region at most.
pub const REGION_CHARACTERS_MAX: usize = 64;
/// Characters of a language tag at most.
pub const LOCALE_CHARACTERS_MAX: usize = 35;

/// The form in which addresses are compared.
#[must_use]
pub(super) fn normal_email(email: &str) -> String {
    email.to_lowercase()
}

pub(super) fn check_new_user(new: &NewUser) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_person(&mut problems, &new.email, &new.name, new.roles);
    if let Some(password) = &new.password {
        check_password(&mut problems, "/password", password);
    }
    check_place(&mut problems, new.region.as_deref(), new.locale.as_deref());
    none_of(problems)
}

pub(super) fn check_update(update: &UserUpdate) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_person(&mut problems, &update.email, &update.name, update.roles);
    let (region, locale) = (update.region.as_deref(), update.locale.as_deref());
    check_place(&mut problems, region, locale);
    none_of(problems)
}

/// The account that an update makes of this one.
#[must_use]
pub(super) fn updated(there: &User, update: &UserUpdate) -> User {
    User {
        email: normal_email(&update.email),
        name: update.name.clone(),
        roles: update.roles,
        department_id: update.department_id,
        region: update.region.clone(),
        locale: update.locale.clone(),
        active: update.active.unwrap_or(there.active),
        ..there.clone()
    }
}

/// Whether this person keeps users and the catalogue.
#[must_use]
pub(super) fn is_admin(user: &User) -> bool {
    user.active && user.roles.has(Role::Admin)
}

pub(super) fn check_new_password(password: &str) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_password(&mut problems, "/new", password);
    none_of(problems)
}

fn check_person(problems: &mut Vec<Invalid>, email: &str, name: &str, roles: Roles) {
    check_email(problems, email);
    check_text(problems, "/name", name, 1, NAME_CHARACTERS_MAX);
    if roles.is_empty() {
        problems.push(Invalid::new("/roles", "names no role"));
    }
}

fn check_place(problems: &mut Vec<Invalid>, region: Option<&str>, locale: Option<&str>) {
    check_optional(problems, "/region", region, REGION_CHARACTERS_MAX);
    check_optional(problems, "/locale", locale, LOCALE_CHARACTERS_MAX);
}

fn check_password(problems: &mut Vec<Invalid>, pointer: &str, password: &str) {
    check_text(
        problems,
        pointer,
        password,
        PASSWORD_CHARACTERS_MIN,
        PASSWORD_CHARACTERS_MAX,
    );
}

pub(super) fn check_department(new: &NewDepartment) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_text(&mut problems, "/name", &new.name, 1, NAME_CHARACTERS_MAX);
    none_of(problems)
}

fn check_optional(
    problems: &mut Vec<Invalid>,
    pointer: &str,
    text: Option<&str>,
    characters_max: usize,
) {
    if let Some(text) = text {
        check_text(problems, pointer, text, 1, characters_max);
    }
}

/// Only what no address can be is refused: whether mail arrives is for a mail to find out.
fn check_email(problems: &mut Vec<Invalid>, email: &str) {
    check_text(problems, "/email", email, 3, EMAIL_CHARACTERS_MAX);
    let split = email.rsplit_once('@');
    let whole = split.is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
    });
    if !whole && problems.iter().all(|problem| problem.pointer != "/email") {
        problems.push(Invalid::new("/email", "is no e-mail address"));
    }
}

/// What follows the `@` of an address, where that could be the name of a host.
pub(super) fn domain(email: &str) -> Option<String> {
    let (_, domain) = email.rsplit_once('@')?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let is_host = domain.len() <= 253 && domain.contains('.') && domain.bytes().all(good);
    is_host.then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Role;

    fn new_user() -> NewUser {
        NewUser {
            email: "a@b.example".to_owned(),
            name: "Ada".to_owned(),
            roles: Role::Sales.into(),
            ..NewUser::default()
        }
    }

    fn pointers(new: &NewUser) -> Vec<String> {
        check_new_user(new)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| problem.pointer)
            .collect()
    }

    #[test]
    fn each_wrong_member_is_named_once() {
        assert!(pointers(&new_user()).is_empty());
        let wrong = NewUser {
            email: "nobody".to_owned(),
            name: String::new(),
            roles: crate::identity::Roles::NONE,
            password: Some("short".to_owned()),
            region: Some("x".repeat(65)),
            locale: Some(String::new()),
            ..new_user()
        };
        assert_eq!(
            pointers(&wrong),
            [
                "/email",
                "/name",
                "/roles",
                "/password",
                "/region",
                "/locale"
            ]
        );
    }

    #[test]
    fn a_password_is_counted_in_characters() {
        for (password, good) in [
            ("é".repeat(10), true),
            ("é".repeat(256), true),
            ("é".repeat(9), false),
            ("é".repeat(257), false),
        ] {
            let new = NewUser {
                password: Some(password),
                ..new_user()
            };
            assert_eq!(pointers(&new).is_empty(), good);
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for email in ["", "@b", "a@", "a b@c", "a\n@b", "a\0@b", "ab"] {
            let new = NewUser {
                email: email.to_owned(),
                ..new_user()
            };
            assert_eq!(pointers(&new), ["/email"], "{email:?}");
        }
    }
}
