use sentri_core::assurance::Method;
use sentri_core::authentication::{EarlierPassword, FactorProof, Next, Proof, Seen, again, next};
use sentri_core::crypto::Secret;
use sentri_core::factor::{base32, recovery, totp};
use sentri_core::password::{self, Hasher, PasswordProof, Policy};
use sentri_core::store::model::{Expected, Factor, FactorAttempt, UsedCode, UsedFactor};

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

fn earlier() -> EarlierPassword {
    let counted = FactorAttempt::Counted { id: "a".into(), user_id: "mona".into(), flow_id: Some("flow".into()) };
    EarlierPassword::of(&counted).unwrap()
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
    let Next::Complete(user) = next("mona", seen(true), vec![Proof::Earlier(earlier()), Proof::Factor(factor_proof())])
    else {
        panic!("the flow of a password and a code are enough")
    };
    assert_eq!(user.methods(), [Method::Pwd, Method::Otp]);
    let code = UsedCode::Totp { factor_id: "f", step: totp::step_at(NOW) };
    let unspent = Some(UsedFactor { attempt_id: "a", flow_id: Some("flow"), code });
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
    for attempt in [
        FactorAttempt::Refused,
        FactorAttempt::Exceeded,
        FactorAttempt::Counted { id: "a".into(), user_id: "mona".into(), flow_id: None },
    ] {
        assert!(EarlierPassword::of(&attempt).is_none(), "{attempt:?}");
    }
}

#[test]
fn a_proof_in_a_session_is_spent_with_what_it_is_for() {
    let recovery = recovery::normalize_code(recovery::make_code().expose()).unwrap();
    let user = again("mona", 3, Proof::Factor(FactorProof::by_recovery("a", &recovery)));
    assert_eq!(user.methods(), [Method::Recovery]);
    let digest = recovery::code_digest(&recovery);
    let unspent = Some(UsedFactor { attempt_id: "a", flow_id: None, code: UsedCode::Recovery(&digest) });
    assert_eq!(user.expected(), Expected { hash: None, auth_epoch: Some(3), unspent });
}
