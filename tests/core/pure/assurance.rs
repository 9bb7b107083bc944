use sentri_core::assurance::{Acr, Assurance, Method, Requirement, challenge};
use serde_json::json;

use crate::vectors::{self, option, shown};

#[test]
fn vectors() {
    vectors::run("assurance", |given| {
        let need = Requirement::read(&given["need"]).map_err(shown)?;
        let claims = &given["claims"];
        let found = Assurance::from_claims(claims.get("acr"), claims.get("amr"), claims.get("auth_time"));
        let held = found.clone().unwrap_or_else(Assurance::none);
        let meets = held.meets(need, given["leeway"].as_i64().unwrap(), given["now"].as_i64().unwrap());
        let auth_time = found.as_ref().and_then(|one| one.auth_time);
        let (acr, amr) = (found.as_ref().map(|one| one.acr), found.as_ref().map(|one| &one.amr));
        assert!(option(given, "leeway").is_some(), "each vector says it");
        Ok(json!({ "acr": acr, "amr": amr, "authTime": auth_time, "meets": meets }))
    });
}

#[test]
fn a_row_lowers_what_a_token_claims_and_never_raises_it() {
    let strong = Assurance::of(&[Method::Otp, Method::Pwd], Some(100));
    let weak = Assurance::of(&[Method::Pwd], Some(90));
    assert_eq!((strong.acr, weak.acr), (Acr::Aal2, Acr::Aal1));
    for (one, other) in [(&strong, &weak), (&weak, &strong)] {
        assert_eq!(one.lowered_by(other), weak, "whichever is the row");
    }
    assert_eq!(strong.lowered_by(&strong), strong);
    for (one, other) in [(&strong, Assurance::none()), (&Assurance::none(), strong.clone())] {
        assert_eq!(one.lowered_by(&other), Assurance::none());
    }
    // The methods of one factor each, from both sides, are no two factors.
    let code = Assurance::of(&[Method::Otp], Some(100));
    assert_eq!(weak.lowered_by(&code).acr, Acr::Aal1);
}

#[test]
fn a_row_comes_back_and_a_strange_one_counts_for_nothing() {
    let strong = Assurance::of(&[Method::Pwd, Method::Recovery], Some(1_767_225_600));
    assert_eq!(Assurance::from_row(Some(&strong.methods_text()), Some(1_767_225_600_999)), Some(strong));
    for row in [(None, Some(1)), (Some("pwd"), None), (None, None)] {
        assert_eq!(Assurance::from_row(row.0, row.1), None);
    }
    let strange = Assurance::from_row(Some("pwdotp,pwd face"), Some(0)).unwrap();
    assert_eq!((strange.acr, strange.amr.len()), (Acr::Aal1, 0));
}

#[test]
fn to_authenticate_again_keeps_what_was_proved_before() {
    let renewed = Assurance::of(&[Method::Pwd, Method::Otp], Some(1)).renewed_by(&[Method::Pwd], 9);
    assert_eq!(renewed, Assurance::of(&[Method::Pwd, Method::Otp], Some(9)));
    assert_eq!(Assurance::none().renewed_by(&[Method::Pwd], 9), Assurance::of(&[Method::Pwd], Some(9)));
}

#[test]
fn a_refusal_says_what_is_required() {
    for (need, details) in [
        (json!({ "acr": "aal2" }), json!({ "acr": "aal2" })),
        (json!({ "maxAge": "10m" }), json!({ "maxAge": 600 })),
        (json!({ "acr": "aal1", "maxAge": 5 }), json!({ "acr": "aal1", "maxAge": 5 })),
    ] {
        let error = Requirement::read(&need).unwrap().error();
        assert_eq!((error.code.as_ref(), error.details.as_deref()), ("STEP_UP_REQUIRED", Some(&details)), "{need}");
    }
}

#[test]
fn a_challenge_holds_nothing_but_known_words() {
    let bare = "Bearer error=\"insufficient_user_authentication\"";
    let of = |details| challenge(Some(&details));
    assert_eq!(challenge(None), bare);
    assert_eq!(of(json!({ "acr": "aal2\", realm=\"x", "maxAge": "1\r\nSet-Cookie: a=b" })), bare);
    assert_eq!(of(json!({ "acr": "aal2", "maxAge": 600 })), format!("{bare}, acr_values=\"aal2\", max_age=600"));
    assert_eq!(of(json!({ "maxAge": -1 })), bare);
}
