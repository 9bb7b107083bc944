//! The parts of a connection URL that drivers leave to us.

/// The parameters of the query of `url`, decoded, and what stands before them.
pub(crate) fn split_query(url: &str) -> (&str, Vec<(String, String)>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    (base, pairs.map(|(name, value)| (percent_decode(name), percent_decode(value))).collect())
}

/// Text with its `%xx` made into bytes (RFC 3986, 2.1); a sign that begins none stays.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decode;

    #[test]
    fn percent_signs_that_are_none_stay() {
        assert_eq!(percent_decode("%2Fa%zz%"), "/a%zz%");
    }
}
