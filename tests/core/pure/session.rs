use sentri_core::session::{Liveness, RefreshVerdict, SessionRules, judge_refresh, liveness};
use sentri_core::store::model::Session;

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_767_225_600_000;
const RULES: SessionRules = SessionRules { idle: 168 * HOUR, max_age: 2_160 * HOUR, grace: 10_000 };

/// A session that took one step at `rotated_at`, and whose successor was used since.
fn rotated(rotated_at: i64) -> Session {
    Session {
        id: "s".to_owned(),
        user_id: "u".to_owned(),
        expires_at: NOW + 168 * HOUR,
        created_at: NOW - HOUR,
        generation: 1,
        rotated_at: Some(rotated_at),
        last_used_at: Some(rotated_at + 1),
        revoked_at: None,
        ip_address: None,
        user_agent: None,
        assurance: None,
    }
}

#[test]
fn a_clock_that_steps_back_extends_no_grace() {
    for (rotated_at, verdict) in [
        (NOW - 10_001, RefreshVerdict::Reuse),
        (NOW - 10_000, RefreshVerdict::Reissue),
        (NOW, RefreshVerdict::Reissue),
        (NOW + 1, RefreshVerdict::Reuse),
        (NOW + HOUR, RefreshVerdict::Reuse),
    ] {
        assert_eq!(judge_refresh(&rotated(rotated_at), 0, 0, &RULES, NOW), verdict, "{}", rotated_at - NOW);
    }
}

/// A session that was used a moment ago, as old as `age`, which ends by idleness after `left`.
fn aged(age: i64, left: i64) -> Session {
    Session { created_at: NOW - age, expires_at: NOW + left, generation: 0, rotated_at: None, ..rotated(NOW) }
}

#[test]
fn each_limit_ends_a_session_by_itself() {
    for (name, session, state) in [
        ("the last moment of both", aged(RULES.max_age - 1, 1), Liveness::Live),
        ("idle alone", aged(0, 0), Liveness::Expired),
        ("idle for long", aged(HOUR, -HOUR), Liveness::Expired),
        ("the absolute limit alone", aged(RULES.max_age, HOUR), Liveness::Expired),
        ("far beyond it", aged(RULES.max_age + HOUR, HOUR), Liveness::Expired),
        ("both", aged(RULES.max_age, 0), Liveness::Expired),
        ("ended, and out of time", Session { revoked_at: Some(NOW), ..aged(RULES.max_age, 0) }, Liveness::Revoked),
        ("ended", Session { revoked_at: Some(NOW), ..aged(0, HOUR) }, Liveness::Revoked),
    ] {
        assert_eq!(liveness(&session, &RULES, NOW), state, "{name}");
        let verdict = match state {
            Liveness::Live => RefreshVerdict::Rotate,
            Liveness::Revoked => RefreshVerdict::Revoked,
            Liveness::Expired => RefreshVerdict::Expired,
        };
        assert_eq!(judge_refresh(&session, 0, 0, &RULES, NOW), verdict, "{name}");
    }
}

#[test]
fn only_the_generation_before_is_given_again() {
    let present = |generation| Session { generation, ..rotated(NOW) };
    let used = |at, last_used_at| Session { last_used_at, ..rotated(at) };
    let past = NOW - HOUR;
    for (name, session, generation, verdict) in [
        ("the present one", present(3), 3, RefreshVerdict::Rotate),
        ("the one before", present(3), 2, RefreshVerdict::Reissue),
        ("two before, in the grace", present(3), 1, RefreshVerdict::Reuse),
        ("one to come", present(3), 4, RefreshVerdict::Reuse),
        ("the last that there is", present(3), i64::MAX, RefreshVerdict::Reuse),
        ("after the grace, last used before", used(past, Some(past - 1)), 0, RefreshVerdict::Reissue),
        ("after the grace, last used by the rotation", used(past, Some(past)), 0, RefreshVerdict::Reissue),
        ("after the grace, never used", used(past, None), 0, RefreshVerdict::Reissue),
        ("after the grace, its successor used", used(past, Some(past + 1)), 0, RefreshVerdict::Reuse),
    ] {
        assert_eq!(judge_refresh(&session, generation, 0, &RULES, NOW), verdict, "{name}");
    }
}

#[test]
fn a_token_of_the_host_is_told_by_its_time() {
    let second = |at: i64| at.div_euclid(1000);
    let (created_at, rotated_at) = (NOW - HOUR, NOW - 60_000);
    let session = Session { generation: 5, created_at, ..rotated(rotated_at) };
    for (name, generation, iat, verdict) in [
        ("of the login", 0, second(created_at), RefreshVerdict::Reuse),
        ("a second before the rotation", 0, second(rotated_at) - 1, RefreshVerdict::Reuse),
        ("of the second of the rotation", 0, second(rotated_at), RefreshVerdict::Reissue),
        ("later", 0, second(NOW), RefreshVerdict::Reissue),
        ("another generation", 1, second(NOW), RefreshVerdict::Reuse),
    ] {
        assert_eq!(judge_refresh(&session, generation, iat, &RULES, NOW), verdict, "{name}");
    }
    let at_once = Session { generation: 5, ..rotated(created_at) };
    assert_eq!(judge_refresh(&at_once, 0, second(created_at), &RULES, NOW), RefreshVerdict::Reuse, "in one second");
    assert_eq!(judge_refresh(&at_once, 0, second(created_at) + 1, &RULES, NOW), RefreshVerdict::Reissue);
}

#[test]
fn of_several_tokens_the_one_that_goes_on_comes_first() {
    use RefreshVerdict::{Expired, Reissue, Reuse, Revoked, Rotate};
    let ordered = [Rotate, Reissue, Reuse, Expired, Revoked];
    assert!(ordered.is_sorted_by(|one, next| one.precedence() > next.precedence()));
    assert_eq!(ordered.map(RefreshVerdict::is_live), [true, true, false, false, false]);
}

#[test]
fn a_use_moves_the_idle_limit_and_never_the_absolute_one() {
    assert_eq!(RULES.expires_at(NOW, NOW), NOW + RULES.idle);
    assert_eq!(RULES.expires_at(NOW - RULES.max_age + HOUR, NOW), NOW + HOUR);
}
