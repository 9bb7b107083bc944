use sentri_core::assurance::Method;
use sentri_core::authentication::{EarlierProof, FactorProof, Next, Proof, Seen, SentCode, again, next};
use sentri_core::crypto::Secret;
use sentri_core::factor::{base32, recovery, totp};
use sentri_core::password::{self, Hasher, PasswordProof, Policy};
use sentri_core::store::model::{
    Expected, Factor, FactorAttempt, Flow, Identifier, Spending, Unspent, UsedCode, UsedFactor,
};

const NOW: i64 = 1_767_225_600_000;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn seen(has_factor: bool) -> Seen {
    Seen { auth_epoch: Some(7), has_factor }
}

async fn password_proof() -> (PasswordProof, String) {
    let policy = Policy { cost: 4, ..Policy::default() };
    let hash = password::hash("correct horse 1", &policy).unwrap();
    let proof = Hasher::new(policy).prove(secret("correct horse 1"), Some(hash.clone())).await.unwrap().unwrap();
    (proof, hash.expose().clone())
}

fn factor() -> Factor {
    Factor {
        id: "f".into(),
        user_id: "mona".into(),
        kind: "totp".into(),
        label: None,
        secret: totp::make_secret(),
        last_step: -1,
        created_at: NOW,
        confirmed_at: Some(NOW),
        last_used_at: None,
    }
}

fn code(factor: &Factor) -> String {
    totp::code_at(&base32::decode(factor.secret.expose()).unwrap(), totp::step_at(NOW))
}

fn factor_proof() -> FactorProof {
    let factor = factor();
    FactorProof::by_totp("a", &factor, &factor.secret, &code(&factor), NOW).unwrap()
}

fn counted(flow_id: Option<&str>, begun_by: &str) -> FactorAttempt {
    FactorAttempt::Counted {
        id: "a".into(),
        user_id: "mona".into(),
        flow_id: flow_id.map(str::to_owned),
        begun_by: begun_by.into(),
    }
}

fn earlier() -> EarlierProof {
    EarlierProof::of(&counted(Some("flow"), "pwd")).unwrap()
}

fn identifier(kind: &str) -> Identifier {
    let (id, value) = ("i".to_owned(), "mona@example.com".to_owned());
    Identifier { id, kind: kind.into(), normalized: value.clone(), value, verified_at: Some(NOW) }
}

fn flow() -> Flow {
    Flow {
        id: "sent".into(),
        purpose: "login-code".into(),
        user_id: Some("mona".into()),
        subject: "mona".into(),
        token_digest: String::new(),
        code: None,
        attempts: 1,
        max_attempts: 5,
        identifier_id: "i".into(),
        address_digest: String::new(),
        payload: secret(""),
        created_at: NOW,
        expires_at: NOW + 1,
    }
}

fn sent(kind: &str, takes_over: bool) -> Vec<Proof> {
    vec![Proof::Sent(Box::new(SentCode::of(flow(), identifier(kind), takes_over)))]
}

#[tokio::test]
async fn a_proof_comes_from_a_verified_password_alone() {
    let policy = Policy { cost: 4, ..Policy::default() };
    let hash = password::hash("correct horse 1", &policy).unwrap();
    let hasher = Hasher::new(policy);
    assert!(hasher.prove(secret("correct horse 2"), Some(hash.clone())).await.unwrap().is_none());
    assert!(hasher.prove(secret("correct horse 1"), None).await.unwrap().is_none());
    let proof = hasher.prove(secret("correct horse 1"), Some(hash.clone())).await.unwrap().unwrap();
    assert_eq!(proof.hash(), hash.expose());
    let Next::Complete(user) = next("mona", seen(false), vec![Proof::Password(proof)]) else {
        panic!("a password is enough")
    };
    let expected = Expected { hash: Some(hash.expose().as_str()), auth_epoch: Some(7), unspent: None };
    assert_eq!((user.user_id(), user.expected()), ("mona", expected));
    assert_eq!(user.methods(), [Method::Pwd]);
}

#[test]
fn without_a_proof_there_is_no_session() {
    for has_factor in [false, true] {
        assert!(matches!(next("mona", seen(has_factor), Vec::new()), Next::Needed));
        assert!(matches!(next("mona", seen(has_factor), vec![Proof::Factor(factor_proof())]), Next::Needed));
        assert!(matches!(next("mona", seen(has_factor), vec![Proof::Earlier(earlier())]), Next::Needed));
    }
}

#[tokio::test]
async fn a_user_with_a_factor_needs_both() {
    let (proof, hash) = password_proof().await;
    let Next::FactorNeeded(user) = next("mona", seen(true), vec![Proof::Password(proof)]) else {
        panic!("a password is not enough")
    };
    assert_eq!(user.expected(), Expected { hash: Some(&hash), auth_epoch: Some(7), unspent: None });
    assert!(earlier().is_password() && !user.is_by_host());
    let Next::Complete(user) = next("mona", seen(true), vec![Proof::Earlier(earlier()), Proof::Factor(factor_proof())])
    else {
        panic!("the flow of a password and a code are enough")
    };
    assert_eq!(user.methods(), [Method::Pwd, Method::Otp]);
    let code = UsedCode::Totp { factor_id: "f", step: totp::step_at(NOW) };
    let unspent = Some(Unspent::Factor(UsedFactor { attempt_id: "a", flow_id: Some("flow"), code }));
    assert_eq!(user.expected(), Expected { hash: None, auth_epoch: Some(7), unspent });
    let (proof, _) = password_proof().await;
    let both = vec![Proof::Password(proof), Proof::Factor(factor_proof())];
    assert!(matches!(next("mona", seen(true), both), Next::Complete(_)));
}

#[test]
fn a_code_is_of_a_confirmed_factor_and_a_step_that_is_not_used() {
    let factor = factor();
    let prove = |factor: &Factor, code: &str| FactorProof::by_totp("a", factor, &factor.secret, code, NOW).is_some();
    assert!(prove(&factor, &code(&factor)));
    assert!(!prove(&Factor { confirmed_at: None, ..factor.clone() }, &code(&factor)), "it is pending");
    assert!(!prove(&Factor { last_step: totp::step_at(NOW), ..factor.clone() }, &code(&factor)), "it is used");
    assert!(!prove(&factor, "") && !prove(&factor, &format!("{} ", code(&factor))));
    // Nor of one that something began which nobody knows to be a first proof.
    let [nothing, unknown, second] = ["", "magic", "otp"].map(|begun_by| counted(Some("flow"), begun_by));
    for attempt in [FactorAttempt::Refused, FactorAttempt::Exceeded, counted(None, "pwd"), nothing, unknown, second] {
        assert!(EarlierProof::of(&attempt).is_none(), "{attempt:?}");
    }
}

#[test]
fn a_proof_in_a_session_is_spent_with_what_it_is_for() {
    let recovery = recovery::normalize_code(recovery::make_code().expose()).unwrap();
    let user = again("mona", 3, Proof::Factor(FactorProof::by_recovery("a", &recovery)));
    assert_eq!(user.methods(), [Method::Recovery]);
    let digest = recovery::code_digest(&recovery);
    let code = UsedCode::Recovery(&digest);
    let unspent = Some(Unspent::Factor(UsedFactor { attempt_id: "a", flow_id: None, code }));
    assert_eq!(user.expected(), Expected { hash: None, auth_epoch: Some(3), unspent });
}

#[test]
fn a_sent_code_is_enough_where_no_factor_is_asked_for() {
    let (flow, address) = (flow(), identifier("email"));
    let Next::Complete(user) = next("mona", seen(false), sent("email", false)) else { panic!("the code is enough") };
    let spending = Spending { flow: &flow, by_code: true, proves: Some(&address), new_hash: None, takes_over: false };
    let expected = Expected { hash: None, auth_epoch: Some(7), unspent: Some(Unspent::Sent(spending)) };
    assert_eq!((user.methods(), user.takes_over(), user.expected()), (vec![Method::Email], false, expected));
    assert_eq!(expected.once_spent(), Expected { hash: None, auth_epoch: Some(7), unspent: None });
    let Next::FactorNeeded(user) = next("mona", seen(true), sent("phone", false)) else { panic!("it is not") };
    assert_eq!(user.methods(), [Method::Sms]);
    for (begun_by, method) in [("email", Method::Email), ("sms", Method::Sms)] {
        let earlier = EarlierProof::of(&counted(Some("flow"), begun_by)).unwrap();
        assert!(!earlier.is_password());
        let proofs = vec![Proof::Earlier(earlier), Proof::Factor(factor_proof())];
        let Next::Complete(user) = next("mona", seen(true), proofs) else { panic!("both are enough") };
        assert_eq!(user.methods(), [method, Method::Otp]);
    }
}

#[test]
fn a_sent_code_that_takes_an_account_over_leaves_nothing_of_who_registered_it() {
    for has_factor in [false, true] {
        let Next::Complete(user) = next("mona", seen(has_factor), sent("email", true)) else { panic!("it is enough") };
        assert!(user.takes_over());
        let Some(Unspent::Sent(spending)) = user.expected().unspent else { panic!("the flow is spent with it") };
        assert_eq!((spending.takes_over, spending.new_hash), (true, Some("")));
        let afterwards = Expected { hash: None, auth_epoch: Some(8), unspent: None };
        assert_eq!(user.expected().once_spent(), afterwards, "the session is of the user without a password");
    }
}
