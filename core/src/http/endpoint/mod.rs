//! The endpoints. Each of them is a value, reads its input, calls a use case and builds the answer. `frame` calls them.

mod account;
mod admin;
mod administration;
mod audit;
mod cookies;
pub(super) mod description;
mod device;
mod disabling;
mod factors;
mod identifiers;
mod keys;
mod leaving;
mod login_code;
mod presented;
mod reauthenticate;
mod recovery;
pub(super) mod schema;
mod setup;
mod token;
pub(super) mod value;

use value::Endpoint;

/// Every endpoint.
pub static ROUTES: &[&Endpoint] = &[
    &account::REGISTER,
    &setup::SETUP,
    &token::LOGIN,
    &factors::LOGIN_MFA,
    &login_code::ASK_LOGIN_CODE,
    &login_code::LOGIN_BY_CODE,
    &token::REFRESH,
    &token::LOGOUT,
    &token::LOGOUT_ALL,
    &account::ME,
    &leaving::DELETE_ACCOUNT,
    &leaving::EXPORT_ACCOUNT,
    &account::LIST_SESSIONS,
    &account::REVOKE_SESSION,
    &identifiers::CREATE_IDENTIFIERS,
    &identifiers::UPDATE_IDENTIFIERS,
    &identifiers::DELETE_IDENTIFIERS,
    &account::CHANGE_PASSWORD,
    &recovery::FORGOT_PASSWORD,
    &recovery::RESET_PASSWORD,
    &recovery::VERIFY_OWN_IDENTIFIER,
    &recovery::VERIFY_IDENTIFIER,
    &recovery::CONFIRM_IDENTIFIER,
    &reauthenticate::REAUTHENTICATE,
    &factors::LIST_FACTORS,
    &factors::ENROL_TOTP,
    &factors::CONFIRM_TOTP,
    &factors::REMOVE_FACTOR,
    &factors::RENEW_RECOVERY_CODES,
    &admin::LIST_USERS,
    &admin::INVITE_USER,
    &admin::GET_USER,
    &admin::DELETE_USER,
    &admin::ASSIGN_ROLES,
    &admin::SET_PASSWORD,
    &admin::REMOVE_FACTORS,
    &administration::SEND_PASSWORD_RESET,
    &administration::LIST_USER_SESSIONS,
    &administration::REVOKE_USER_SESSIONS,
    &disabling::DISABLE_USER,
    &disabling::ENABLE_USER,
    &audit::LIST_AUDIT,
    &identifiers::SET_IDENTIFIERS,
    &keys::KEYS,
];
