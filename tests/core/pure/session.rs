use sentri_core::session::{RefreshVerdict, SessionRules, judge_refresh};
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
