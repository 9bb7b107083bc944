//! The memory of sessions: nothing that was found before a revocation is served after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sentri_core::service::freshness::Freshness;
use sentri_core::store::model::{Session, SessionState};
use sentri_core::sync::step;
use shuttle::sync::Mutex;

use crate::fixtures::NOW;
use crate::{Timers, any_of, ended, hold, task};

const SESSION: &str = "a session";
const USER: &str = "a user";

fn session(is_revoked: bool) -> SessionState {
    let session = Session {
        id: SESSION.to_owned(),
        user_id: USER.to_owned(),
        expires_at: NOW + 1_000_000,
        created_at: NOW,
        generation: 0,
        rotated_at: None,
        last_used_at: None,
        revoked_at: is_revoked.then_some(NOW),
        ip_address: None,
        user_agent: None,
        assurance: None,
    };
    SessionState { session, roles: Vec::new() }
}

/// A process with its store, and a host that repeats verdicts under their epoch.
#[derive(Default)]
struct Process {
    freshness: Freshness,
    /// Whether the session is revoked in the store.
    store: Mutex<bool>,
    /// The verdict that the host keeps: its epoch and whether the session is good.
    host: Mutex<Option<(u32, bool)>>,
    /// Whether the revocation was answered. A plain atomic, which is no step.
    was_answered: AtomicBool,
}

impl Process {
    fn read(&self) -> bool {
        step();
        *self.store.lock().unwrap()
    }

    /// A guarded request, as `http::guard` has it.
    fn guard(&self) {
        let was_answered = self.was_answered.load(Ordering::SeqCst);
        let is_good = match self.freshness.get(SESSION, NOW..=NOW) {
            Some(known) => known.state.session.revoked_at.is_none(),
            None => {
                let epoch = self.freshness.epoch();
                let is_revoked = self.read();
                self.freshness.put(session(is_revoked), NOW, epoch);
                !is_revoked
            }
        };
        assert!(!(is_good && was_answered), "served from memory after the revocation");
    }

    /// A guarded request whose token belongs to no session.
    fn guard_user(&self) {
        let was_answered = self.was_answered.load(Ordering::SeqCst);
        if self.freshness.standing_at(USER, NOW..=NOW).is_some() {
            assert!(!was_answered, "a user is in good standing after the word that it is not");
            return;
        }
        let epoch = self.freshness.epoch();
        if !self.read() {
            self.freshness.put_standing(USER, NOW, epoch);
        }
    }

    /// A host that keeps verdicts.
    fn verify(&self) {
        let was_answered = self.was_answered.load(Ordering::SeqCst);
        let known = *self.host.lock().unwrap();
        let epoch = self.freshness.epoch();
        match known {
            Some((of, is_good)) if of == epoch => {
                assert!(!(is_good && was_answered), "repeated by the host after the revocation");
            }
            _ => {
                let is_good = !self.read();
                *self.host.lock().unwrap() = Some((epoch, is_good));
            }
        }
    }

    fn revoke(&self, forget: fn(&Freshness)) {
        *self.store.lock().unwrap() = true;
        forget(&self.freshness);
        self.was_answered.store(true, Ordering::SeqCst);
    }
}

fn nothing_is_served_after(check: fn(&Process), ways: &'static [fn(&Freshness)]) {
    hold(Timers::Never, move || {
        let process = Arc::new(Process::default());
        let requests: Vec<_> = (0..3)
            .map(|_| {
                let process = Arc::clone(&process);
                task(async move { (0..3).for_each(|_| check(&process)) })
            })
            .collect();
        let revoker = Arc::clone(&process);
        ended([task(async move { revoker.revoke(any_of(ways)) })]);
        ended(requests);
    });
}

const WAYS: &[fn(&Freshness)] =
    &[|known| known.forget_sessions([SESSION]), |known| known.forget_user(USER), Freshness::forget_all];

#[test]
fn no_session_is_served_after_its_revocation() {
    nothing_is_served_after(Process::guard, WAYS);
}

#[test]
fn no_user_is_in_good_standing_after_the_word() {
    nothing_is_served_after(Process::guard_user, &WAYS[1..]);
}

#[test]
fn no_verdict_of_a_host_outlives_its_epoch() {
    nothing_is_served_after(Process::verify, WAYS);
}
