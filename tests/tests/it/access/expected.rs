//! What each operation answers to each role: written by hand from the contract, one row a line. It shares
//! nothing with the server's own table.

/// Operations that no row covers yet. This list may only shrink.
pub(super) const NOT_COVERED: [&str; 0] = [];

/// Whose or which `{id}`.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// The path has none.
    None,
    /// An id that nothing has.
    Nothing,
    /// The caller's own.
    Own,
    /// Another person's.
    Another,
    /// Another person's request.
    AnothersRequest,
    /// An approval of another's chain.
    AnothersApproval,
    /// A live category.
    Category,
    /// A live reason.
    Reason,
}

use Of::{Another, AnothersApproval, AnothersRequest, Category, Nothing, Own, Reason};

const REVOKED: &str = "401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked";

/// What is called, with which id, and what is answered to: nobody, sales, approver, admin, auditor, service.
/// The body is the document's example. 401, 403 and 404 mean `unauthenticated`, `forbidden` and `not_found`
/// where no other code is named; `-` is not called.
#[rustfmt::skip]
pub(super) const EXPECTED: &[(&str, Of, &str)] = &[
    // Anyone.
    ("GET /.well-known/jwks.json", Of::None, "200 200 200 200 200 200"),
    ("POST /api/v1/auth/login", Of::None, "200 200 200 200 200 200"),
    ("POST /api/v1/auth/refresh", Of::None, REVOKED),
    // Anyone signed in.
    ("GET /api/v1/users/me", Of::None, "401 200 200 200 200 200"),
    ("POST /api/v1/users/me/password", Of::None, "401 204 204 204 204 204"),
    ("GET /api/v1/departments", Of::None, "401 200 200 200 200 200"),
    ("GET /api/v1/categories", Of::None, "401 200 200 200 200 200"),
    ("GET /api/v1/reasons", Of::None, "401 200 200 200 200 200"),
    ("GET /api/v1/assignments", Of::None, "401 200 200 200 200 200"),
    // Sales, and who reads all requests.
    ("POST /api/v1/requests", Of::None, "401 201 403 403 403 403"),
    ("POST /api/v1/requests/sync", Of::None, "401 200 403 403 403 403"),
    ("GET /api/v1/requests/updates", Of::None, "401 200 403 403 403 403"),
    ("GET /api/v1/requests/updates/stream", Of::None, "401 200 403 403 403 403"),
    ("GET /api/v1/requests", Of::None, "401 200 403 200 200 403"),
    ("GET /api/v1/requests/{id}", AnothersRequest, "401 404 403 200 200 403"),
    ("GET /api/v1/requests/{id}", Nothing, "401 404 403 404 404 403"),
    ("GET /api/v1/requests/{id}/status", AnothersRequest, "401 404 403 200 200 403"),
    ("GET /api/v1/requests/{id}/status", Nothing, "401 404 403 404 404 403"),
    ("POST /api/v1/requests/{id}/withdraw", AnothersRequest, "401 404 403 409/not_withdrawable 403 403"),
    ("POST /api/v1/requests/{id}/withdraw", Nothing, "401 404 403 404 403 403"),
    // Approvers, of their own chains.
    ("GET /api/v1/approvals/incoming", Of::None, "401 403 200 403 403 403"),
    ("GET /api/v1/approvals/history", Of::None, "401 403 200 403 403 403"),
    ("POST /api/v1/approvals/sync", Of::None, "401 403 200 403 403 403"),
    ("GET /api/v1/approvals/updates", Of::None, "401 403 200 403 403 403"),
    ("GET /api/v1/approvals/updates/stream", Of::None, "401 403 200 403 403 403"),
    ("POST /api/v1/approvals/{id}/approve", AnothersApproval, "401 403 404 403 403 403"),
    ("POST /api/v1/approvals/{id}/approve", Nothing, "401 403 404 403 403 403"),
    ("POST /api/v1/approvals/{id}/reject", AnothersApproval, "401 403 404 403 403 403"),
    ("POST /api/v1/approvals/{id}/reject", Nothing, "401 403 404 403 403 403"),
    ("POST /api/v1/approvals/{id}/rollback", AnothersApproval, "401 403 404 403 403 403"),
    ("POST /api/v1/approvals/{id}/rollback", Nothing, "401 403 404 403 403 403"),
    // Other programs send messages; everybody says how to be told.
    ("POST /api/v1/notify/push", Of::None, "401 403 403 403 403 202"),
    ("POST /api/v1/notify/email", Of::None, "401 403 403 403 403 202"),
    ("POST /api/v1/notify/sms", Of::None, "401 403 403 403 403 202"),
    ("GET /api/v1/notify/status/{id}", Nothing, "401 403 403 404 403 404"),
    ("GET /api/v1/notify/preferences", Of::None, "401 200 200 200 200 200"),
    ("PUT /api/v1/notify/preferences", Of::None, "401 200 200 200 200 200"),
    ("PUT /api/v1/devices/{deviceId}/push-token", Of::None, "401 204 204 204 204 204"),
    // Twilio signs; nobody else can.
    ("POST /api/v1/notify/callbacks/twilio/{id}", Nothing, "403 403 403 403 403 403"),
    // Admins. Without the role, a person who exists and one who does not look the same.
    ("GET /api/v1/users/{id}", Own, "- 200 200 200 200 200"),
    ("GET /api/v1/users/{id}", Another, "401 403 403 200 403 403"),
    ("GET /api/v1/users/{id}", Nothing, "401 403 403 404 403 403"),
    ("PUT /api/v1/users/{id}", Own, "- 403 403 - 403 403"),
    ("PUT /api/v1/users/{id}", Another, "401 403 403 200 403 403"),
    ("PUT /api/v1/users/{id}", Nothing, "401 403 403 404 403 403"),
    ("POST /api/v1/users/{id}/password-reset", Own, "- 403 403 - 403 403"),
    ("POST /api/v1/users/{id}/password-reset", Another, "401 403 403 200 403 403"),
    ("POST /api/v1/users/{id}/password-reset", Nothing, "401 403 403 404 403 403"),
    ("DELETE /api/v1/users/{id}", Own, "- 403 403 - 403 403"),
    ("DELETE /api/v1/users/{id}", Another, "401 403 403 204 403 403"),
    ("DELETE /api/v1/users/{id}", Nothing, "401 403 403 404 403 403"),
    ("GET /api/v1/users", Of::None, "401 403 403 200 403 403"),
    ("POST /api/v1/users", Of::None, "401 403 403 201 403 403"),
    ("POST /api/v1/departments", Of::None, "401 403 403 201 403 403"),
    ("POST /api/v1/categories", Of::None, "401 403 403 201 403 403"),
    ("PUT /api/v1/categories/{id}", Category, "401 403 403 200 403 403"),
    ("PUT /api/v1/categories/{id}", Nothing, "401 403 403 404 403 403"),
    ("DELETE /api/v1/categories/{id}", Category, "401 403 403 204 403 403"),
    ("DELETE /api/v1/categories/{id}", Nothing, "401 403 403 404 403 403"),
    ("POST /api/v1/reasons", Of::None, "401 403 403 201 403 403"),
    ("PUT /api/v1/reasons/{id}", Reason, "401 403 403 200 403 403"),
    ("PUT /api/v1/reasons/{id}", Nothing, "401 403 403 404 403 403"),
    ("POST /api/v1/assignments", Of::None, "401 403 403 201 403 403"),
    // Auditors and admins.
    ("GET /api/v1/audit/logs", Of::None, "401 403 403 200 200 403"),
    ("GET /api/v1/audit/checkpoint", Of::None, "401 403 403 200 200 403"),
    ("GET /api/v1/audit/key", Of::None, "401 403 403 200 200 403"),
    ("GET /api/v1/audit/export", Of::None, "401 403 403 200 200 403"),
    ("GET /api/v1/audit/proof/inclusion", Of::None, "401 403 403 400/invalid_value 400/invalid_value 403"),
    ("GET /api/v1/audit/proof/consistency", Of::None, "401 403 403 400/invalid_value 400/invalid_value 403"),
    // The last one: it signs the callers out.
    ("POST /api/v1/auth/logout", Of::None, "204 204 204 204 204 204"),
];
