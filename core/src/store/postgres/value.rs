//! Converts values to and from those of PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use postgres_protocol::types::{timestamp_from_sql, timestamp_to_sql};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::clock::{Millis, to_iso};
use crate::store::executor::Value;

type BoxError = Box<dyn Error + Sync + Send>;

/// 2000-01-01T00:00:00Z. PostgreSQL counts microseconds from that instant.
const EPOCH: Millis = 946_684_800_000;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.as_str().to_sql(ty, out),
            Self::Int(int) => match *ty {
                Type::INT2 => i16::try_from(*int)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*int)?.to_sql(ty, out),
                Type::INT8 => int.to_sql(ty, out),
                _ => Err(format!("an integer for a parameter of type {ty}").into()),
            },
            // Both types have the same bytes, since a value with a time zone is an instant in UTC.
            Self::Time(at) => match *ty {
                Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                    timestamp_to_sql(at.saturating_sub(EPOCH).saturating_mul(1000), out);
                    Ok(IsNull::No)
                }
                _ => Err(format!("an instant for a parameter of type {ty}").into()),
            },
        }
    }

    fn accepts(_: &Type) -> bool {
        true // Decided with the value at hand.
    }

    to_sql_checked!();
}

/// A parameter of a statement whose types the server has not sent. It goes as text, which the server converts to the
/// type that it needs.
#[derive(Debug)]
pub(super) struct Unnamed<'a>(pub &'a Value);

impl ToSql for Unnamed<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Int(int) => out.extend_from_slice(int.to_string().as_bytes()),
            // A column without time zone ignores the `Z`; a column with a time zone needs it.
            Value::Time(at) => out.extend_from_slice(to_iso(*at).as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(match *ty {
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                Self::Time(timestamp_from_sql(raw)?.div_euclid(1000).saturating_add(EPOCH))
            }
            Type::VOID => Self::Null,
            _ => Self::Text(<&str>::from_sql(ty, raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        const KNOWN: [Type; 7] =
            [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::VOID];
        KNOWN.contains(ty) || <&str as FromSql<'_>>::accepts(ty)
    }
}
