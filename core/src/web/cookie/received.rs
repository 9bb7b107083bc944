//! Cookies of a request, read strictly.

/// The most different values of a name that are read. A browser of ours holds four at most: for the host alone and for
/// the configured domain, at `/` and at the mount point.
pub const MAX_VALUES: usize = 8;

/// The values of a name in the `Cookie` headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieValues {
    /// No such cookie.
    None,
    /// Its value, as sent but for quotes around it.
    One(String),
    /// Different values, in the order sent. A neighbouring site may have planted some of them, so those that verify
    /// count.
    Several(Vec<String>),
    /// The first [`MAX_VALUES`] of more; the others are unknown.
    TooMany(Vec<String>),
}

/// Looks for a cookie in all `Cookie` headers of a request. Names are compared exactly.
#[must_use]
pub fn read<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> CookieValues {
    let mut values = values(headers, name);
    let Some(first) = values.next() else { return CookieValues::None };
    // The common case needs no list.
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

/// All values of a cookie in all `Cookie` headers of a request, in the order in which they were sent.
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
