//! The functions of the programmatic calls, in the order of [`super::names`].

use super::call::{Call, answer};
use super::names::CALLS;
use super::{identifiers, passwords, server, sessions, users};

/// Every call, in the order of [`CALLS`].
pub(super) static TABLE: [Call; CALLS.len()] = [
    Call::new("assignRoles", |work, given| answer(users::assign_roles(work, given))),
    Call::new("beginSetup", |work, given| answer(server::begin_setup(work, given))),
    Call::outcome("bulkCreateIdentifiers", |work, given| answer(identifiers::create(work, given))),
    Call::outcome("bulkDeleteIdentifiers", |work, given| answer(identifiers::delete(work, given))),
    Call::outcome("bulkUpdateIdentifiers", |work, given| answer(identifiers::update(work, given))),
    Call::free("close", |work, _| answer(server::close(work))),
    Call::new("createSession", |work, given| answer(sessions::create(work, given))),
    Call::new("deleteUser", |work, given| answer(users::delete(work, given))),
    Call::free("describeRedis", |work, _| answer(server::describe_redis(work))),
    Call::new("disableUser", |work, given| answer(users::disable(work, given))),
    Call::new("enableUser", |work, given| answer(users::enable(work, given))),
    Call::new("exportUser", |work, given| answer(users::export(work, given))),
    Call::new("findUser", |work, given| answer(users::find(work, given))),
    Call::new("getUser", |work, given| answer(users::get(work, given))),
    Call::free("hashPassword", |work, given| answer(passwords::hash(work, given))),
    Call::free("health", |work, _| answer(server::health(work))),
    Call::new("importUsers", |work, given| answer(users::import(work, given))),
    Call::new("inviteUser", |work, given| answer(users::invite(work, given))),
    Call::new("listAudit", |work, given| answer(server::list_audit(work, given))),
    Call::new("listKeys", |work, _| answer(server::list_keys(work))),
    Call::new("listSessions", |work, given| answer(sessions::list(work, given))),
    Call::new("listUsers", |work, given| answer(users::list(work, given))),
    Call::free("migrate", |work, given| answer(server::migrate(work, given))),
    Call::free("ready", |work, given| answer(server::ready(work, given))),
    Call::outcome("register", |work, given| answer(identifiers::register(work, given))),
    Call::new("removeFactors", |work, given| answer(passwords::remove_factors(work, given))),
    Call::new("requestLoginCode", |work, given| answer(passwords::request_login_code(work, given))),
    Call::new("requestPasswordReset", |work, given| answer(passwords::request_reset(work, given))),
    Call::new("resetPassword", |work, given| answer(passwords::reset(work, given))),
    Call::new("revokeSession", |work, given| answer(sessions::revoke(work, given))),
    Call::new("revokeSessions", |work, given| answer(sessions::revoke_all(work, given))),
    Call::new("rotateKeys", |work, _| answer(server::rotate_keys(work))),
    Call::new("sendPasswordReset", |work, given| answer(passwords::send_reset(work, given))),
    Call::free("serveCommandLine", |work, _| answer(server::serve_command_line(work))),
    Call::new("setPassword", |work, given| answer(passwords::set(work, given))),
    Call::free("verifyPassword", |work, given| answer(passwords::verify(work, given))),
];

// A name without a function, or a function at the wrong place, does not compile.
const _: () = {
    let mut at = 0;
    while at < CALLS.len() {
        assert!(is_same(TABLE[at].name, CALLS[at]), "programmatic/names.rs and programmatic/table.rs differ");
        at += 1;
    }
};

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
