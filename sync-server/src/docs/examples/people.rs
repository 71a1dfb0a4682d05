//! People, departments and sessions.

use super::{FIELD_SALES, SALES1, page};
use serde_json::{Value, json};

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        (
            "Login",
            json!({"email": "sales1@demo.athena", "password": "athena-demo", "deviceId": "phone-1"}),
        ),
        ("Refresh", json!({"refreshToken": REFRESH_TOKEN})),
        ("Logout", json!({"refreshToken": REFRESH_TOKEN})),
        (
            "Session",
            json!({
                "accessToken": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhdGhlbmEifQ.c2lnbmF0dXJl",
                "refreshToken": REFRESH_TOKEN, "expiresIn": 900, "tokenType": "Bearer", "user": user(),
            }),
        ),
        ("User", user()),
        ("UserPage", page(&user())),
        (
            "NewUser",
            json!({
                "email": "fay@demo.athena", "name": "Fay Field", "roles": ["sales"], "departmentId": FIELD_SALES,
                "region": "EMEA", "locale": "de",
            }),
        ),
        ("CreatedUser", created()),
        (
            "UserUpdate",
            json!({
                "email": "sam@demo.athena", "name": "Sam Sales", "roles": ["sales", "approver"],
                "departmentId": FIELD_SALES, "region": "EMEA", "locale": "en", "active": true,
            }),
        ),
        (
            "PasswordChange",
            json!({"current": "athena-demo", "new": "correct horse battery"}),
        ),
        ("Department", department()),
        ("DepartmentPage", page(&department())),
        ("NewDepartment", json!({"name": "Partner sales"})),
    ]
}

/// Session, secret and tag in hexadecimal digits.
const REFRESH_TOKEN: &str = "0195d0c07d5c700080000123456789abd1b9c1f7a4e05c6b3a2918f7e6d5c4b3\
a29180716f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0918273645f0";

fn user() -> Value {
    json!({
        "id": SALES1, "email": "sales1@demo.athena", "name": "Sam Sales", "roles": ["sales"],
        "departmentId": FIELD_SALES, "region": "EMEA", "locale": "en", "active": true, "version": 1,
    })
}

fn created() -> Value {
    let mut created = user();
    created["oneTimeToken"] =
        json!("5f0e9d8c7b6a59483726150493827160f5e4d3c2b1a09f8e7d6c5b4a39281706");
    created
}

fn department() -> Value {
    json!({"id": FIELD_SALES, "name": "Field sales", "version": 1})
}
