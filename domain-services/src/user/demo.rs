//! The people of the demo organisation.

use super::{NewDepartment, NewUser, UserError, UserService, store};
use crate::identity::{Cause, Role};
use uuid::Uuid;

/// The password of everybody in the demo organisation.
pub const DEMO_PASSWORD: &str = "athena-demo";

/// The namespace of the demo organisation's ids, which are the same at every start.
const DEMO: Uuid = Uuid::from_u128(0x1d5f_7d6e_2f5c_4a86_9b0e_6d1b_0a9c_33d7);

const PEOPLE: [(&str, &str, Role); 12] = [
    ("admin", "Ada Admin", Role::Admin),
    ("auditor", "Aude Auditor", Role::Auditor),
    ("sales1", "Sam Sales", Role::Sales),
    ("sales2", "Sofia Sales", Role::Sales),
    ("sales3", "Sven Sales", Role::Sales),
    ("sales4", "Selma Sales", Role::Sales),
    ("sales5", "Sunil Sales", Role::Sales),
    ("l1a", "Lena Level-One", Role::Approver),
    ("l1b", "Luis Level-One", Role::Approver),
    ("l2a", "Mira Level-Two", Role::Approver),
    ("l2b", "Marc Level-Two", Role::Approver),
    ("l3a", "Nora Level-Three", Role::Approver),
];

const DEPARTMENTS: [&str; 3] = ["Field sales", "Key accounts", "Marketing"];
const REGIONS: [&str; 3] = ["EMEA", "AMER", "APAC"];

/// The id of a person of the demo organisation: `demo_user_id("l1a")` is `l1a@demo.athena`.
#[must_use]
pub fn demo_user_id(name: &str) -> Uuid {
    Uuid::new_v5(&DEMO, email(name).as_bytes())
}

fn email(name: &str) -> String {
    format!("{name}@demo.athena")
}

fn department_id(name: &str) -> Uuid {
    Uuid::new_v5(&DEMO, format!("department {name}").as_bytes())
}

impl UserService {
    /// Creates the people and departments of the demo organisation, unless they are there. They
    /// are made as an admin would make them.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_demo(&self) -> Result<(), UserError> {
        // Looking first: at a second start nothing is hashed again, and what an admin has changed
        // since is left as it is.
        let mut departments = Vec::new();
        for name in DEPARTMENTS {
            let id = department_id(name);
            if store::find_department(&self.db, id).await?.is_none() {
                departments.push(NewDepartment {
                    id: Some(id),
                    name: name.to_owned(),
                });
            }
        }
        if !departments.is_empty() {
            self.create_departments(departments, Cause::default())
                .await?;
        }
        let mut missing = Vec::new();
        for (n, (name, full_name, role)) in PEOPLE.into_iter().enumerate() {
            if store::find_user(&self.db, demo_user_id(name))
                .await?
                .is_none()
            {
                missing.push(person(n, name, full_name, role));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        match self.create_all(missing, Cause::default()).await {
            // Another node made them meanwhile, under the same ids but with other salts.
            Ok(_) | Err(UserError::EmailTaken | UserError::IdTaken) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn person(n: usize, name: &str, full_name: &str, role: Role) -> NewUser {
    let of = |names: &[&'static str]| names.iter().cycle().nth(n).map(|name| (*name).to_owned());
    NewUser {
        id: Some(demo_user_id(name)),
        email: email(name),
        name: full_name.to_owned(),
        roles: role.into(),
        password: Some(DEMO_PASSWORD.to_owned()),
        department_id: of(&DEPARTMENTS).map(|name| department_id(&name)),
        region: of(&REGIONS),
        locale: Some("en".to_owned()),
    }
}
