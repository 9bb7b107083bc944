//! Classifies errors of the driver and the server by the caller's remedy.

use mysql_async::{DriverError, Error, ServerError};

use crate::failure::StoreError;
use crate::store::pooled::Connection;
use crate::tls;

/// Returns the failure for an error. It holds the server's message only if that can't quote a value of a row.
pub(super) fn from_driver(error: &Error) -> StoreError {
    match error {
        Error::Server(error) => from_server(error),
        // These are defects of sentri, found before anything was sent or after everything was received.
        Error::Driver(
            DriverError::FromValue { .. }
            | DriverError::FromRow { .. }
            | DriverError::Params(_)
            | DriverError::MixedParams
            | DriverError::StmtParamsMismatch { .. }
            | DriverError::StmtParamsNumberExceedsLimit { .. }
            | DriverError::NestedTransaction,
        ) => StoreError::Other("the driver could not make sense of a statement or a row".into()),
        Error::Driver(DriverError::UnexpectedPacket { .. }) => StoreError::Unavailable("unexpected packet".into()),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            StoreError::Unavailable("the server offers no TLS; switch it on there, or say ssl-mode=DISABLED".into())
        }
        Error::Driver(_) | Error::Io(_) | Error::Other(_) => {
            StoreError::Unavailable(error.to_string() + &tls::cure(error, &NAMES))
        }
        Error::Url(_) => StoreError::Other("the driver could not make sense of the connection settings".into()),
    }
}

const NAMES: tls::Names = tls::Names {
    root: "ssl-ca in the URL or ssl.ca in the object",
    any_host: "ssl-mode=VERIFY_CA with ssl-ca",
    client: "ssl-cert and ssl-key in the URL or ssl.cert and ssl.key in the object",
};

/// Whether the server refused a statement unread, so that running it elsewhere does nothing twice. A node does so while
/// it is no member of its cluster.
pub(super) fn was_not_begun(error: &Error) -> bool {
    matches!(error, Error::Server(ServerError { code: 1047, .. }))
}

/// Returns the state of the connection after an error.
pub(super) fn connection_after(error: &Error) -> Connection {
    match error {
        Error::Server(error) => match from_server(error) {
            StoreError::Unavailable(_) => Connection::Lost,
            _ => Connection::Sound,
        },
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => Connection::Lost,
    }
}

fn from_server(error: &ServerError) -> StoreError {
    from_code(error.code, &error.state, &error.message)
}

/// Returns the failure for an error code of MySQL or MariaDB, which use the same codes, and an SQLSTATE.
pub(in crate::store) fn from_code(code: u16, state: &str, message: &str) -> StoreError {
    let text = describe(code, state, message);
    match code {
        // Duplicate entry.
        1062 | 1586 => StoreError::Unique(text),
        // A deadlock, a lock that was not free in time or at once, a row that changed after the snapshot; a referenced
        // row that was deleted meanwhile; a table, column, index or key that somebody else made or dropped meanwhile.
        1213 | 1205 | 3572 | 1020 | 1216 | 1217 | 1451 | 1452 | 1050 | 1060 | 1061 | 1091 | 1826 => {
            StoreError::Conflict(text)
        }
        // A prepared statement that the server forgot, or whose table changed too often. A new connection prepares it
        // again.
        1243 | 1615 => StoreError::Conflict(text),
        1146 | 1054 => StoreError::SchemaMissing(text),
        // No database is selected, or a statement or a column is not granted.
        1046 | 1142 | 1143 => StoreError::Configuration(misconfigured(code, &text)),
        // The server is out of connections, shut down, or read-only (a replica that was the primary), or a query was
        // killed. The others are logins and databases that an operator must put right.
        1040
        | 1203
        | 1226
        | 1053
        | 1077..=1080
        | 1129
        | 1130
        | 1044
        | 1045
        | 1049
        | 1290
        | 1792
        | 1836
        | 1317
        | 1927
        | 1969
        | 3024
        | 4031
        | 3159
        | 1158..=1161
        // A commit to which the cluster gave no answer.
        | 1180
        | 1184 => StoreError::Unavailable(text),
        _ if state.starts_with("08") || state.starts_with("28") => StoreError::Unavailable(text),
        _ => StoreError::Other(text),
    }
}

/// Returns the cure for a database that the store can't use as it is.
fn misconfigured(code: u16, text: &str) -> String {
    let cure = match code {
        1046 => ": name a database, as in mysql://user:password@host:3306/database",
        _ => {
            ". Let an administrator run: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES \
              ON the_database.* TO the_user"
        }
    };
    format!("db: MySQL says {text}{cure}")
}

fn describe(code: u16, state: &str, message: &str) -> String {
    match code {
        // The message is "Duplicate entry 'value' for key 'name'", where the value is private and may hold any text.
        1062 | 1586 => {
            let key = message.rsplit_once(" for key ").map_or("of unknown name", |(_, key)| key);
            format!("{code}: key {key}")
        }
        _ if state.starts_with("22") || matches!(code, 1366 | 1265 | 1264 | 1406) => {
            format!("{code}: a value does not fit its column")
        }
        // Syntax errors quote the text of the statement, which holds no values.
        _ => format!("{code}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ServerError, StoreError, from_driver, was_not_begun};

    fn failure(code: u16, state: &str, message: &str) -> StoreError {
        from_driver(&Error::Server(ServerError { code, state: state.into(), message: message.into() }))
    }

    #[test]
    fn a_duplicate_tells_its_key_and_not_its_value() {
        let message =
            "Duplicate entry 'someone' for key 'x'@example.com' for key 'sentri_identifiers_value_normalized'";
        let StoreError::Unique(text) = failure(1062, "23000", message) else { panic!("it is unique") };
        assert_eq!(text, "1062: key 'sentri_identifiers_value_normalized'");
    }

    #[test]
    fn words_of_a_cluster_are_an_outage_or_a_lost_race() {
        let message = "WSREP has not yet prepared node for application use";
        let error = Error::Server(ServerError { code: 1047, state: "08S01".into(), message: message.into() });
        assert!(matches!(from_driver(&error), StoreError::Unavailable(_)) && was_not_begun(&error));
        assert!(matches!(failure(1180, "HY000", "Got error 5 during COMMIT"), StoreError::Unavailable(_)));
        for code in [1213, 1205] {
            assert!(matches!(failure(code, "40001", "Deadlock found"), StoreError::Conflict(_)));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_quoted() {
        let message = "Incorrect string value: 'secret' for column 'value' at row 1";
        assert!(!failure(1366, "22007", message).to_string().contains("secret"));
        assert!(!failure(1366, "HY000", message).to_string().contains("secret"));
    }
}
