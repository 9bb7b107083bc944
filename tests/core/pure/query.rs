use sentri_core::web::query::{decode, raw, value};

#[test]
fn escapes_are_read_and_nothing_that_is_no_text() {
    for (text, expected) in [
        ("mona", Some("mona")),
        ("mona%40example.com", Some("mona@example.com")),
        ("%4a%4A%aF", None),
        ("%C3%aF", Some("ï")),
        ("a+b", Some("a+b")),
        ("%2B%25", Some("+%")),
        ("", None),
        ("%", None),
        ("%4", None),
        ("%4g", None),
        ("%g4", None),
        ("%C3", None),
        ("%00", None),
        ("a%0Ab", None),
        ("a\u{7f}", None),
    ] {
        assert_eq!(decode(text).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn the_first_parameter_of_a_name_counts() {
    let query = Some("flag&a=1+2%2B&b=&a=3&ab=4");
    assert_eq!((raw(query, "a"), value(query, "a").as_deref()), (Some("1+2%2B"), Some("1 2+")));
    assert_eq!((raw(query, "b"), value(query, "b")), (Some(""), None));
    assert_eq!(value(query, "ab").as_deref(), Some("4"));
    for name in ["flag", "c", ""] {
        assert_eq!((raw(query, name), value(query, name)), (None, None), "{name}");
    }
    assert_eq!((raw(None, "a"), value(None, "a")), (None, None));
}
