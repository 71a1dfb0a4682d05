//! Somebody who calls the server.

use crate::reply::Reply;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

/// Somebody who calls the server: signed in, or nobody.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who it is; nil for nobody.
    pub user_id: Uuid,
    /// The access token; empty for nobody.
    pub token: String,
    base: String,
    client: Client,
}

impl Actor {
    /// Nobody.
    #[must_use]
    pub fn anonymous(base: &str, client: &Client) -> Self {
        Self {
            user_id: Uuid::nil(),
            token: String::new(),
            base: base.to_owned(),
            client: client.clone(),
        }
    }

    /// Signs in with a password.
    pub async fn sign_in(base: &str, client: &Client, email: &str, password: &str) -> Self {
        let nobody = Self::anonymous(base, client);
        let reply = nobody
            .post(
                "/api/v1/auth/login",
                &json!({"email": email, "password": password}),
            )
            .await;
        assert_eq!(reply.status, 200, "signing in as {email}: {}", reply.body);
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Self {
            user_id: text(&reply.body["user"]["id"]).parse().expect("an id"),
            token: text(&reply.body["accessToken"]),
            ..nobody
        }
    }

    /// The same person at another address (after a restart, say).
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Vec::new())
            .await
            .expect("an answer")
    }

    /// The fields of a draft that can be submitted: one level, so L1 decides alone.
    pub async fn complete(&self) -> Value {
        self.complete_in("Travel").await
    }

    /// The fields of a draft that can be submitted, in this category.
    pub async fn complete_in(&self, name: &str) -> Value {
        let first = |list: &Value, fits: &dyn Fn(&Value) -> bool| {
            let items = list["items"].as_array().expect("items");
            // By its name or text: lists come in the order of changes, which runs need not share.
            let found = items
                .iter()
                .filter(|item| item["active"] == true && fits(item))
                .min_by_key(|item| item["name"].as_str().or(item["text"].as_str()));
            found.expect("something live").clone()["id"].take()
        };
        let categories = self.get("/api/v1/categories?limit=1000").await.body;
        let reasons = self.get("/api/v1/reasons?limit=1000").await.body;
        let category = first(&categories, &|category| category["name"] == name);
        // One that fits every category: a story may put the draft into another.
        let reason = first(&reasons, &|reason| reason["categoryId"].is_null());
        json!({
            "title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"},
            "categoryId": category, "reasonId": reason,
        })
    }

    /// GET of an answer that does not end.
    pub async fn open(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer")
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).await.expect("an answer")
    }

    /// POST of a JSON body to a server that may be gone.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Reply> {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, path, &json, body.to_string().into_bytes())
            .await
    }

    /// Any request, its body as it is.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Result<Reply> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = reqwest::header::HeaderName::try_from(*name).expect("a header's name");
            map.insert(name, value.parse().expect("a header's value"));
        }
        let response = request.headers(map).body(body).send().await?;
        Ok(Reply::read(response).await)
    }
}
