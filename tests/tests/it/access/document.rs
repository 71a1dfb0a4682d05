//! The API document as the walk reads it.

use serde_json::Value;
use std::collections::BTreeSet;

/// The API document, and what the walk needs of it.
pub(super) struct Document(Value);

impl Document {
    pub(super) fn read() -> Self {
        Self(serde_json::to_value(sync_server::docs::openapi()).unwrap())
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        let paths = self.0["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect()
    }

    fn operation(&self, name: &str) -> &Value {
        let (method, path) = name.split_once(' ').unwrap();
        &self.0["paths"][path][method.to_lowercase()]
    }

    /// Follows a reference within the document.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => self.0.pointer(&pointer[1..]).unwrap(),
            None => value,
        }
    }

    /// The example of the body that an operation takes.
    pub(super) fn body(&self, name: &str) -> Option<Value> {
        let body = &self.operation(name)["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let schema = match schema["oneOf"].as_array() {
            Some(either) => &either[0],
            None => schema,
        };
        schema
            .is_object()
            .then(|| self.resolve(schema)["examples"][0].clone())
    }

    /// Whether the document tells of this answer.
    pub(super) fn tells(&self, name: &str, status: u16, code: &str) -> bool {
        let response = &self.operation(name)["responses"][status.to_string()];
        let codes = self.resolve(response)["x-codes"].as_array();
        match codes {
            Some(codes) => codes.iter().any(|told| told == code),
            None => response.is_object() && code.is_empty(),
        }
    }
}
