use sentri_core::access::{ApiKeys, RoleRules, SessionRoles, authorize, check_assignable, is_role_name};
use sentri_core::assurance::{Assurance, Method};
use serde_json::{Value, json};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn rules() -> RoleRules {
    let valid = json!(["user", "editor", "finance", "admin", "root"]);
    RoleRules::from_options(Some(&valid), Some(&json!(["admin", "root"])), None, Some(&json!(["user", "editor"])))
        .unwrap()
}

#[test]
fn defaults() {
    let rules = RoleRules::from_options(Some(&json!(["user", "user", "admin"])), None, None, None).unwrap();
    assert_eq!(rules.valid, strings(&["user", "admin"]));
    assert_eq!(rules.admin, strings(&["admin"]));
    assert!(rules.default.is_empty());
    // 'admin' is the default even where it is no role: nobody is an admin then.
    assert!(RoleRules::from_options(Some(&json!(["user"])), None, Some(&json!(["user"])), None).is_ok());
}

#[test]
fn a_stranger_may_ask_for_the_default_roles_and_user() {
    let own = |valid: Value, admin: Value, default: Value| {
        RoleRules::from_options(Some(&valid), Some(&admin), Some(&default), None).unwrap().self_assignable
    };
    let valid = json!(["user", "moderator", "superadmin"]);
    assert_eq!(own(valid.clone(), Value::Null, Value::Null), strings(&["user"]));
    assert_eq!(own(valid.clone(), Value::Null, json!(["user"])), strings(&["user"]));
    assert_eq!(own(valid.clone(), Value::Null, json!(["moderator"])), strings(&["moderator", "user"]));
    assert_eq!(own(valid, json!(["user"]), Value::Null), strings(&[]), "an admin role is nobody's to take");
    assert_eq!(own(json!(["member", "admin"]), Value::Null, Value::Null), strings(&[]));
}

#[test]
fn nonsense_names_its_option() {
    let valid = json!(["user", "admin"]);
    let long = "x".repeat(65);
    let none = Value::Null;
    let table: [(Value, Value, Value, Value, &str); 17] = [
        (Value::Null, Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!([]), Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!("user"), Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!([""]), Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!(["a b"]), Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!([long]), Value::Null, Value::Null, none.clone(), "validRoles"),
        (json!([1]), Value::Null, Value::Null, none.clone(), "validRoles"),
        (valid.clone(), json!(["boss"]), Value::Null, none.clone(), "adminRoles"),
        (valid.clone(), json!("admin"), Value::Null, none.clone(), "adminRoles"),
        (valid.clone(), Value::Null, json!(["guest"]), none.clone(), "defaultRoles"),
        (valid.clone(), Value::Null, json!(["admin"]), none.clone(), "defaultRoles"),
        (valid.clone(), json!(["user"]), json!(["user"]), none.clone(), "defaultRoles"),
        (valid.clone(), none.clone(), none.clone(), json!(["guest"]), "selfAssignableRoles"),
        (valid.clone(), none.clone(), none.clone(), json!(["user", "admin"]), "selfAssignableRoles"),
        (valid.clone(), json!(["user"]), none.clone(), json!(["user"]), "selfAssignableRoles"),
        (valid.clone(), none.clone(), none.clone(), json!("user"), "selfAssignableRoles"),
        (valid, none.clone(), none, json!([1]), "selfAssignableRoles"),
    ];
    for (valid, admin, default, own, option) in table {
        let error = RoleRules::from_options(Some(&valid), Some(&admin), Some(&default), Some(&own)).unwrap_err();
        assert!(error.code == "CONFIGURATION_ERROR" && error.message.starts_with(option), "{error}");
    }
}

#[test]
fn role_names() {
    for good in ["user", "a", "A.b:c_d-9", &"x".repeat(64)] {
        assert!(is_role_name(good), "{good}");
    }
    for bad in ["", "a b", "é", "a/b", "a\n", "a,b", &"x".repeat(65)] {
        assert!(!is_role_name(bad), "{bad:?}");
    }
}

#[test]
fn assignable() {
    let rules = rules();
    let assign = |roles: &[&str], admin| check_assignable(&strings(roles), &rules, admin);
    assert_eq!(assign(&["editor", "user", "editor"], false).unwrap(), strings(&["editor", "user"]));
    assert_eq!(assign(&[], false).unwrap(), Vec::<String>::new());
    assert_eq!(assign(&["user", "root"], true).unwrap(), strings(&["user", "root"]));

    let error = assign(&["user", "boss"], true).unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("INVALID_ROLE", 400));
    assert!(error.message.contains("boss"));
    // Near misses of an admin role are no roles at all.
    for trick in ["Admin", "admin ", " admin", "ADMIN", "admin\0", "аdmin", "__proto__", "*", "admin,user"] {
        assert_eq!(assign(&[trick], false).unwrap_err().code, "INVALID_ROLE", "{trick:?}");
    }
    for other in ["admin", "root", "finance"] {
        let error = assign(&["user", other], false).unwrap_err();
        assert_eq!((error.code.as_ref(), error.status), ("FORBIDDEN", 403));
        assert!(error.message.contains("selfAssignableRoles") && error.message.contains(other), "{error}");
        assert_eq!(assign(&[other], true).unwrap(), strings(&[other]));
    }
    let long = "<script>".repeat(1000);
    assert!(assign(&[&long], false).unwrap_err().message.len() < 100);
}

#[test]
fn authorized_by_any_of_them() {
    let user = strings(&["user", "editor"]);
    assert!(authorize(&user, &strings(&["admin", "editor"])));
    assert!(!authorize(&user, &strings(&["admin"])));
    assert!(!authorize(&user, &[]));
    assert!(!authorize(&[], &strings(&["user"])));
    assert!(!authorize(&[], &[]));
    let rules = rules();
    assert!(rules.is_admin(&strings(&["user", "root"])) && rules.is_admin(&strings(&["admin"])));
    assert!(!rules.is_admin(&strings(&["user", "editor", "finance"])) && !rules.is_admin(&[]));
    assert!(rules.check_required(&strings(&["user"])).is_ok());
    for bad in [strings(&[]), strings(&["boss"]), strings(&["user", ""])] {
        assert_eq!(rules.check_required(&bad).unwrap_err().code, "CONFIGURATION_ERROR");
    }
}

#[test]
fn api_keys() {
    assert!(ApiKeys::from_option(None).unwrap().is_none());
    assert!(ApiKeys::from_option(Some(&Value::Null)).unwrap().is_none());
    for bad in [json!(""), json!("  "), json!([]), json!(["k", ""]), json!(1), json!(true), json!({}), json!([1])] {
        let error = ApiKeys::from_option(Some(&bad)).unwrap_err();
        assert!(error.code == "CONFIGURATION_ERROR" && error.message.starts_with("apiKey must be"), "{bad}");
    }
    for short in [json!("1"), json!("seven 7"), json!(["long enough by far", "\u{1f511}\u{1f511}\u{1f511}"])] {
        let error = ApiKeys::from_option(Some(&short)).unwrap_err();
        assert!(error.message.starts_with("apiKey must have at least 8 characters"), "{}", error.message);
    }
    let warning = |key: &str| ApiKeys::from_option(Some(&json!(key))).unwrap().unwrap().warning();
    assert!(warning("eight 88").unwrap().starts_with("apiKey has fewer than 16 characters"));
    assert_eq!((warning(&"k".repeat(15)).is_some(), warning(&"k".repeat(16))), (true, None));
    let keys = ApiKeys::from_option(Some(&json!(["canary-one", "canary-two"]))).unwrap().unwrap();
    assert!(keys.accept(Some("canary-one")) && keys.accept(Some("canary-two")));
    for bad in
        [None, Some(""), Some("canary-on"), Some("canary-one "), Some("Canary-one"), Some("canary-onecanary-two")]
    {
        assert!(!keys.accept(bad), "{bad:?}");
    }
    assert!(!format!("{keys:?}").contains("canary"));
    for times in [2, 3] {
        let repeated = ApiKeys::from_option(Some(&json!(vec!["canary-one"; times]))).unwrap().unwrap();
        assert!(repeated.accept(Some("canary-one")) && !repeated.accept(Some("canary-two")), "listed {times} times");
    }
    let single = ApiKeys::from_option(Some(&json!("the only one"))).unwrap().unwrap();
    assert!(single.accept(Some("the only one")) && !single.accept(Some("other")));
}

#[test]
fn below_two_factors_the_roles_that_want_them_wait() {
    let roles = json!(["user", "admin", "editor"]);
    let mut rules = RoleRules::from_options(Some(&roles), None, None, None).unwrap();
    let all = || vec!["editor", "user", "admin"];
    let weak = [Method::Pwd, Method::Email, Method::Sms, Method::Host].map(|method| Assurance::of(&[method], Some(1)));
    let strong = Assurance::of(&[Method::Pwd, Method::Otp], Some(1));
    let whole = SessionRoles { in_effect: all(), withheld: Vec::new() };
    assert_eq!(rules.in_session(all(), None), whole, "without the option nothing waits");
    rules.required_for = vec!["admin".to_owned(), "editor".to_owned()];
    assert_eq!(rules.in_session(all(), Some(&strong)), whole);
    let parted = SessionRoles { in_effect: vec!["user"], withheld: vec!["editor", "admin"] };
    assert_eq!(rules.in_session(all(), None), parted, "nobody knows how the user authenticated");
    for held in weak {
        assert_eq!(rules.in_session(all(), Some(&held)), parted, "{held:?}");
    }
    assert_eq!(rules.in_session(vec!["user"], None).withheld, Vec::<&str>::new());
}
