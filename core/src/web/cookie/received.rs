//! Reads the cookies of a request strictly.

/// The most different values of a name that are read. A browser holds at most four cookies of sentri with a name: for
/// the host alone and for the configured domain, at `/` and at the mount point.
pub const MAX_VALUES: usize = 8;

/// The values of a name in the `Cookie` headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieValues {
    /// There is no such cookie.
    None,
    /// There is one value, as sent but without quotes around it.
    One(String),
    /// There are different values, in the order sent. A neighbouring site may have planted some of them, so the values
    /// that verify count.
    Several(Vec<String>),
    /// There are more than [`MAX_VALUES`] values. These are the first.
    TooMany(Vec<String>),
}

/// Finds the values of a cookie in all `Cookie` headers of a request. Names are compared exactly.
#[must_use]
pub fn read<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> CookieValues {
    let mut values = values(headers, name);
    let Some(first) = values.next() else { return CookieValues::None };
    // The usual case takes no list.
    let Some(other) = values.find(|value| *value != first) else { return CookieValues::One(first.to_owned()) };
    let mut all = vec![first.to_owned(), other.to_owned()];
    for value in values {
        if all.iter().any(|known| known == value) {
            continue;
        }
        if all.len() == MAX_VALUES {
            return CookieValues::TooMany(all);
        }
        all.push(value.to_owned());
    }
    CookieValues::Several(all)
}

/// Returns all values of a cookie in all `Cookie` headers of a request, in the order in which they were sent.
pub fn values<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> impl Iterator<Item = &'a str> {
    headers.flat_map(|header| header.split(';')).filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        (trim(key) == name).then(|| unquote(trim(value)))
    })
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
