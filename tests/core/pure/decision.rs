use sentri_core::assurance::{Acr, Requirement};
use sentri_core::event::EventName;
use sentri_core::http::decision::{Admitted, Decision, PermitVerdict, authorize, permit, step_up};
use sentri_core::telemetry::Telemetry;
use serde_json::{Value, json};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The code of the error with its message, and the event with its fields.
fn shown(decision: Decision) -> (Option<(String, String)>, EventName, Value) {
    let event = decision.event.unwrap();
    let error = decision.error.map(|error| (error.code.into_owned(), error.message));
    (error, event.name, Value::Object(event.fields))
}

fn code(error: &Option<(String, String)>) -> Option<&str> {
    error.as_ref().map(|(code, _)| code.as_str())
}

#[test]
fn the_roles_in_effect_decide_and_those_that_wait_ask_for_a_second_factor() {
    let telemetry = Telemetry::new(true, Vec::new(), &[]);
    let (roles, withheld) = (strings(&["user", "editor"]), strings(&["admin"]));
    let user = Admitted { id: "mona", roles: &roles, withheld: &withheld };
    let fields = |required: &[&str]| json!({ "userId": "mona", "userRoles": roles, "requiredRoles": required });
    let waits = json!({ "userId": "mona", "mode": "server", "acr": "aal2" });
    for (required, expected, name, fields) in [
        (&["editor"][..], None, EventName::AuthorizePassed, fields(&["editor"])),
        (&["admin", "user"], None, EventName::AuthorizePassed, fields(&["admin", "user"])),
        (&["admin"], Some("STEP_UP_REQUIRED"), EventName::StepUpRequired, waits.clone()),
        (&["root"], Some("FORBIDDEN"), EventName::AuthorizeDenied, fields(&["root"])),
        (&[], Some("FORBIDDEN"), EventName::AuthorizeDenied, fields(&[])),
    ] {
        let (error, found, said) = shown(authorize(Some(user), &strings(required), "server", &telemetry, true));
        assert_eq!((code(&error), found, said), (expected, name, fields), "{required:?}");
    }
}

#[test]
fn without_a_user_the_answer_says_why_outside_of_production_alone() {
    let telemetry = Telemetry::new(true, Vec::new(), &[]);
    for production in [false, true] {
        let decided = shown(authorize(None, &strings(&["user"]), "client", &telemetry, production));
        let (error, name, fields) = decided;
        assert_eq!((code(&error), name), (Some("UNAUTHORIZED"), EventName::AuthorizeUnauthenticated));
        let cause = "authorize() found no user: put protect() in front of it";
        assert_eq!(fields, json!({ "requiredRoles": ["user"], "cause": cause }));
        assert_eq!(error.unwrap().1 == cause, !production);
        let (error, name, fields) = shown(permit(None, &PermitVerdict::Passed, "client", &telemetry, production));
        assert_eq!((code(&error), name), (Some("UNAUTHORIZED"), EventName::PermitUnauthenticated));
        let cause = "permit() found no user: put protect() in front of it";
        assert_eq!(fields, json!({ "cause": cause }));
        assert_eq!(error.unwrap().1 == cause, !production);
    }
}

#[test]
fn a_check_decides_as_it_says() {
    let telemetry = Telemetry::new(true, Vec::new(), &[]);
    let user = Admitted { id: "mona", roles: &[], withheld: &[] };
    let whose = json!({ "userId": "mona" });
    for (text, expected, name, fields) in [
        ("passed", None, EventName::PermitPassed, whose.clone()),
        ("bypass:admin", None, EventName::PermitRoleBypass, json!({ "userId": "mona", "bypassedByRole": "admin" })),
        ("bypass:", None, EventName::PermitRoleBypass, json!({ "userId": "mona", "bypassedByRole": "" })),
        (
            "withheld",
            Some("STEP_UP_REQUIRED"),
            EventName::StepUpRequired,
            json!({ "userId": "mona", "mode": "server", "acr": "aal2" }),
        ),
        ("denied", Some("FORBIDDEN"), EventName::PermitDenied, whose.clone()),
        ("whatever", Some("FORBIDDEN"), EventName::PermitDenied, whose.clone()),
        (
            "unauthenticated",
            Some("UNAUTHORIZED"),
            EventName::PermitUnauthenticated,
            json!({ "cause": "permit() found no user: put protect() in front of it" }),
        ),
    ] {
        let verdict = PermitVerdict::from_text(text);
        let (error, found, said) = shown(permit(Some(user), &verdict, "server", &telemetry, true));
        assert_eq!((code(&error), found, said), (expected, name, fields), "{text}");
    }
    let bypass = PermitVerdict::Bypass("admin".to_owned());
    let (error, _, fields) = shown(permit(None, &bypass, "server", &telemetry, true));
    assert_eq!(code(&error), Some("UNAUTHORIZED"), "nobody has a role");
    assert_eq!(fields.get("bypassedByRole"), None);
}

#[test]
fn a_step_up_says_what_is_asked_for() {
    let telemetry = Telemetry::new(true, Vec::new(), &[]);
    let need = Requirement { acr: None, max_age: Some(600) };
    let (error, name, fields) = shown(step_up("mona", need, "client", &telemetry));
    assert_eq!((code(&error), name), (Some("STEP_UP_REQUIRED"), EventName::StepUpRequired));
    assert_eq!(fields, json!({ "userId": "mona", "mode": "client", "maxAge": 600 }));
    let both = Requirement { acr: Some(Acr::Aal2), max_age: Some(5) };
    let (_, _, fields) = shown(step_up("mona", both, "client", &telemetry));
    assert_eq!(fields, json!({ "userId": "mona", "mode": "client", "acr": "aal2", "maxAge": 5 }));
    assert_eq!(step_up("mona", both, "client", &Telemetry::new(false, Vec::new(), &[])).event, None);
}
