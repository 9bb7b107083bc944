//! The table of use cases that `router` may override. The enum, the built-ins behind `next()`, and the types of the
//! option in both languages come from it.

/// Passes the rows to the macro `$run`, after the given arguments. A row has the name of the use case in Rust and in
/// the option, the type in `service` that runs it, a sentence, and the types of input and result in TypeScript.
macro_rules! each_operation {
    ($run:ident $($given:tt)*) => {
        $run! {
            ($($given)*)
            Login("login", login::Login),
                "Stands in for `POST /login`.",
                "{ identifier: string; password: string }" => "IssuedTokens<Role>";
            Register("register", register::Register),
                "Stands in for `POST /register`.",
                "RegisterInput<Role>" => "{ user: User<Role> }";
            Refresh("refresh", refresh::Refresh),
                "Stands in for `POST /refresh`.",
                "{ refreshToken: string }" => "IssuedTokens<Role>";
            Logout("logout", logout::Logout),
                "Stands in for `POST /logout`.",
                "{ sessionId?: string | undefined }" => "unknown";
            LogoutAll("logoutAll", logout::LogoutAll),
                "Stands in for `POST /logout-all`.",
                "{ userId: string }" => "unknown";
            AssignRoles("assignRoles", roles::AssignRoles),
                "Stands in for the change of a user's roles.",
                "{ userId: string; roles: Role[] }" => "{ user: AuthUser<Role> }";
            BulkCreateIdentifiers("bulkCreateIdentifiers", identifiers::CreateIdentifiers),
                "Stands in for the addition of identifiers.",
                "{ userId: string; identifiers: IdentifierInput[] }" => "{ identifiers: Identifier[] }";
            BulkUpdateIdentifiers("bulkUpdateIdentifiers", identifier_update::UpdateIdentifiers),
                "Stands in for the change of identifiers.",
                "{ userId: string; identifiers: IdentifierUpdate[] }" => "{ identifiers: Identifier[] }";
            BulkDeleteIdentifiers("bulkDeleteIdentifiers", identifiers::DeleteIdentifiers),
                "Stands in for the removal of identifiers.",
                "{ userId: string; ids: string[] }" => "unknown";
            ChangePassword("changePassword", password::ChangePassword),
                "Stands in for a new password by the present one.",
                "{ userId: string; currentPassword: string; newPassword: string }" => "unknown";
            RequestPasswordReset("requestPasswordReset", reset::RequestPasswordReset),
                "Stands in for the request of a message for a new password.",
                "{ identifier: string }" => "Asked";
            ResetPassword("resetPassword", reset::ResetPassword),
                "Stands in for a new password by the secret of a message.",
                "ResetInput" => "unknown";
        }
    };
}
pub(crate) use each_operation;
