//! Commands of administrators that were refused: nothing changed, and the log knows who tried what.

use domain_services::audit::leaf::Leaf;
use domain_services::user::demo_user_id;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, Server, both_engines};
use uuid::Uuid;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

struct Tried {
    method: Method,
    path: String,
    route: &'static str,
    body: Value,
    if_match: &'static str,
    status: u16,
    code: &'static str,
    target: Option<Uuid>,
}

async fn send(actor: &Actor, tried: &Tried) -> (u16, String) {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let mut headers = vec![
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
    ];
    if !tried.if_match.is_empty() {
        headers.push(("if-match", tried.if_match));
    }
    let body = tried.body.to_string().into_bytes();
    let method = tried.method.clone();
    let reply = actor.send(method, &tried.path, &headers, body).await;
    let reply = reply.unwrap();
    (reply.status, reply.code().to_owned())
}

fn of<'a>(leaves: &'a [Leaf], actor: &Actor) -> Vec<&'a Leaf> {
    let refused = |leaf: &&Leaf| leaf.action == "user.refused" || leaf.action == "catalog.refused";
    let theirs = |leaf: &&Leaf| leaf.actor_id == Some(actor.user_id);
    leaves.iter().filter(refused).filter(theirs).collect()
}

fn tries(category: Uuid) -> Vec<Tried> {
    let [admin, nobody] = [demo_user_id("admin"), Uuid::from_u128(0xbad)];
    let tried = |method: Method, path: &str, route, body| Tried {
        method,
        path: path.to_owned(),
        route,
        body,
        if_match: "",
        status: 0,
        code: "",
        target: None,
    };
    let person = json!({"email": "l1a@demo.athena", "name": "Again", "roles": ["sales"],
        "password": "a password that is told nowhere"});
    let users = format!("/api/v1/users/{admin}");
    let one_category = format!("/api/v1/categories/{category}");
    vec![
        Tried {
            status: 409,
            code: "email_taken",
            ..tried(Method::POST, "/api/v1/users", "POST /api/v1/users", person)
        },
        Tried {
            status: 409,
            code: "last_admin",
            target: Some(admin),
            ..tried(
                Method::DELETE,
                &users,
                "DELETE /api/v1/users/{id}",
                Value::Null,
            )
        },
        Tried {
            status: 404,
            code: "not_found",
            target: Some(nobody),
            ..tried(
                Method::POST,
                &format!("/api/v1/users/{nobody}/password-reset"),
                "POST /api/v1/users/{id}/password-reset",
                Value::Null,
            )
        },
        Tried {
            status: 400,
            code: "invalid_value",
            ..tried(
                Method::POST,
                "/api/v1/departments",
                "POST /api/v1/departments",
                json!({"name": ""}),
            )
        },
        Tried {
            status: 412,
            code: "precondition_failed",
            if_match: "\"77\"",
            target: Some(category),
            ..tried(
                Method::DELETE,
                &one_category,
                "DELETE /api/v1/categories/{id}",
                Value::Null,
            )
        },
        Tried {
            status: 400,
            code: "malformed_body",
            ..tried(
                Method::POST,
                "/api/v1/assignments",
                "POST /api/v1/assignments",
                json!("no assignment"),
            )
        },
    ]
}

async fn a_refused_command_has_one_leaf_however_often_it_comes(server: &Server) {
    let admin = server.admin().await;
    let page = admin.get("/api/v1/categories").await.ok().body;
    let category = page["items"][0]["id"].as_str().unwrap().parse().unwrap();
    let tries = tries(category);
    for tried in &tries {
        for _ in 0..2 {
            let (status, code) = send(&admin, tried).await;
            assert_eq!(
                (status, code.as_str()),
                (tried.status, tried.code),
                "{}",
                tried.route
            );
        }
    }
    let leaves = server.leaves().await;
    let told = of(&leaves, &admin);
    assert_eq!(told.len(), tries.len(), "{told:#?}");
    for tried in &tries {
        let wanted = json!({"command": tried.route, "targetId": tried.target, "code": tried.code});
        let leaf = told.iter().find(|leaf| leaf.detail == wanted);
        let leaf = leaf.unwrap_or_else(|| panic!("no leaf {wanted}: {told:#?}"));
        assert_eq!(leaf.trace_id.as_deref(), Some(TRACE));
        let people = tried.route.contains("/users") || tried.route.contains("/departments");
        let action = if people {
            "user.refused"
        } else {
            "catalog.refused"
        };
        assert_eq!(leaf.action, action);
    }
    let text = serde_json::to_string(&leaves).unwrap();
    assert!(!text.contains("told nowhere"));
    // What is taken, and what is read, is no refusal.
    let taken = json!({"name": "Refused nothing", "levels": 1});
    assert_eq!(admin.post("/api/v1/categories", &taken).await.status, 201);
    assert_eq!(of(&server.leaves().await, &admin).len(), tries.len());
}

async fn who_is_no_admin_is_told_of_once_a_command(server: &Server) {
    let sales = server.sales().await;
    for n in 1..=4_u128 {
        let path = format!("/api/v1/users/{}", Uuid::from_u128(n));
        let json = [("content-type", "application/json")];
        let refused = sales.send(Method::DELETE, &path, &json, Vec::new()).await;
        assert_eq!(refused.unwrap().status, 403);
    }
    let body = json!({"name": "Mine", "levels": 1});
    assert_eq!(sales.post("/api/v1/categories", &body).await.status, 403);
    // Reading what is not for them is no command.
    assert_eq!(sales.get("/api/v1/users").await.status, 403);
    let leaves = server.leaves().await;
    let told: Vec<(&str, &Value, &Value)> = of(&leaves, &sales)
        .into_iter()
        .map(|leaf| {
            (
                leaf.action.as_str(),
                &leaf.detail["command"],
                &leaf.detail["code"],
            )
        })
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let forbidden = json!("forbidden");
    let commands = [
        json!("DELETE /api/v1/users/{id}"),
        json!("POST /api/v1/categories"),
    ];
    assert!(told.contains(&("user.refused", &commands[0], &forbidden)));
    assert!(told.contains(&("catalog.refused", &commands[1], &forbidden)));
}

both_engines!(
    a_refused_command_has_one_leaf_however_often_it_comes,
    who_is_no_admin_is_told_of_once_a_command,
);
