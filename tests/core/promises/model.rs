//! A model of one user: sessions, refresh and access tokens, flows and second factors, as LIFECYCLE and CONTRACT
//! describe them and without a line of the core. Times are in milliseconds.

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// The options of the server beside the model: `refreshExpiresIn`, `sessionMaxAge`, `refreshGrace`, `accessExpiresIn`,
/// `reauthentication.maxAge`.
pub const IDLE: i64 = 2 * HOUR;
pub const MAX_AGE: i64 = 5 * HOUR;
pub const GRACE: i64 = 10 * SECOND;
pub const ACCESS: i64 = 15 * MINUTE;
pub const FRESH: i64 = 10 * MINUTE;

/// A status and an error code, empty for a success.
pub type Expected = (u16, &'static str);

pub const OK: Expected = (200, "");
pub const SENT: Expected = (202, "");
const ENDED: Expected = (401, "UNAUTHORIZED");
const EXPIRED: Expected = (401, "TOKEN_EXPIRED");
const WRONG: Expected = (401, "INVALID_CREDENTIALS");
const MFA: Expected = (401, "MFA_REQUIRED");
const STEP_UP: Expected = (401, "STEP_UP_REQUIRED");
const INVALID: Expected = (401, "CODE_INVALID");
const EXCEEDED: Expected = (429, "RATE_LIMIT_EXCEEDED");

#[derive(Debug, Clone)]
struct Session {
    created: i64,
    rotated: i64,
    used: i64,
    generation: i64,
    expires: i64,
    is_ended: bool,
    auth_time: i64,
    is_aal2: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct RefreshToken {
    session: usize,
    generation: i64,
    expires: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct AccessToken {
    session: usize,
    expires: i64,
    auth_time: i64,
    is_aal2: bool,
}

/// Both tokens of a session.
pub type Tokens = (RefreshToken, AccessToken);

#[derive(Debug, Clone, Copy)]
pub struct Flow {
    is_login: bool,
    begun: i64,
    /// The number of the user's changes under which it began.
    epoch: u32,
    wrong: u8,
    is_spent: bool,
}

/// A proof that is presented: by what, and whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Password,
    WrongPassword,
    Totp,
    WrongTotp,
    /// The number of a recovery code of the present set.
    Recovery(usize),
}

/// The secret of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    Link,
    Code,
    WrongCode,
}

#[derive(Debug, Clone)]
struct Factor {
    /// The last step of 30 seconds whose code was used.
    step: i64,
    recovery: Vec<bool>,
}

#[derive(Debug, Default)]
pub struct Model {
    pub now: i64,
    epoch: u32,
    is_verified: bool,
    factor: Option<Factor>,
    sessions: Vec<Session>,
    pub flows: Vec<Flow>,
    /// The times at which wrong codes of the app, and wrong recovery codes, were presented.
    misses: [Vec<i64>; 2],
    /// The begin of the last minute and of the last hour in which messages went out, with their number.
    sent: [(i64, u32); 2],
}

impl Model {
    pub fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    pub const fn has_factor(&self) -> bool {
        self.factor.is_some()
    }

    fn is_live(&self, session: usize) -> bool {
        let session = &self.sessions[session];
        !session.is_ended && self.now < session.expires && self.now < session.created + MAX_AGE
    }

    fn open(&mut self, is_aal2: bool) -> Tokens {
        let now = self.now;
        let expires = now + IDLE;
        let session = Session {
            created: now,
            rotated: i64::MIN,
            used: now,
            generation: 0,
            expires,
            is_ended: false,
            auth_time: now,
            is_aal2,
        };
        self.sessions.push(session);
        self.tokens(self.sessions.len() - 1)
    }

    fn tokens(&self, session: usize) -> Tokens {
        let Session { generation, expires, created, auth_time, is_aal2, .. } = self.sessions[session];
        let access = AccessToken { session, expires: (self.now + ACCESS).min(created + MAX_AGE), auth_time, is_aal2 };
        (RefreshToken { session, generation, expires }, access)
    }

    fn step(&mut self, session: usize, by: i64) {
        let now = self.now;
        let session = &mut self.sessions[session];
        session.generation += by;
        (session.rotated, session.used) = (now, now);
        session.expires = (now + IDLE).min(session.created + MAX_AGE);
    }

    /// Ends all sessions but one, and all open flows.
    fn change(&mut self, kept: Option<usize>) {
        self.epoch += 1;
        for (at, session) in self.sessions.iter_mut().enumerate() {
            session.is_ended |= Some(at) != kept;
        }
    }

    pub fn login(&mut self, is_right: bool) -> (Expected, Option<Tokens>) {
        if !is_right {
            return (WRONG, None);
        }
        if self.factor.is_some() {
            self.flows.push(Flow { is_login: true, begun: self.now, epoch: self.epoch, wrong: 0, is_spent: false });
            return (MFA, None);
        }
        (OK, Some(self.open(false)))
    }

    /// `POST /refresh`, or with `is_silent` a request behind `protect()` that has no access token.
    pub fn refresh(&mut self, token: RefreshToken, is_silent: bool) -> (Expected, Option<Tokens>) {
        let RefreshToken { session, generation, expires } = token;
        if self.now >= expires {
            return (if is_silent { ENDED } else { EXPIRED }, None);
        }
        if !self.is_live(session) {
            let is_over = !self.sessions[session].is_ended && !is_silent;
            return (if is_over { EXPIRED } else { ENDED }, None);
        }
        let Session { generation: current, rotated, used, .. } = self.sessions[session];
        let is_before = generation + 1 == current && (self.now - rotated <= GRACE || used <= rotated);
        if generation != current && !is_before {
            self.sessions[session].is_ended = true;
            return (ENDED, None);
        }
        if is_silent {
            // The first use of a generation ends the one before, in the same millisecond too.
            let used = &mut self.sessions[session].used;
            if generation == current && (*used <= rotated || self.now - *used >= MINUTE) {
                *used = self.now.max(rotated.saturating_add(1));
            }
            return (OK, None);
        }
        if generation == current {
            self.step(session, 1);
        }
        (OK, Some(self.tokens(session)))
    }

    /// A request behind `protect()`.
    pub fn protect(&self, token: AccessToken) -> Expected {
        if self.now >= token.expires {
            return EXPIRED;
        }
        if self.is_live(token.session) { OK } else { ENDED }
    }

    /// A request that wants a fresh authentication, by the factor where there is one.
    fn fresh(&self, token: AccessToken, is_timed: bool) -> Expected {
        match self.protect(token) {
            OK if is_timed && self.now - token.auth_time > FRESH => STEP_UP,
            OK if self.factor.is_some() && !token.is_aal2 => STEP_UP,
            other => other,
        }
    }

    pub fn logout(&mut self, token: RefreshToken) -> Expected {
        if self.now < token.expires {
            self.sessions[token.session].is_ended = true;
        }
        OK
    }

    pub fn logout_all(&mut self, token: AccessToken) -> Expected {
        let expected = self.protect(token);
        if expected == OK {
            self.sessions.iter_mut().for_each(|session| session.is_ended = true);
        }
        expected
    }

    pub fn change_password(&mut self, token: AccessToken, is_right: bool) -> Expected {
        match self.fresh(token, false) {
            OK if !is_right => WRONG,
            OK => {
                self.change(None);
                OK
            }
            other => other,
        }
    }

    /// Enrols a first factor. The code of the enrolment is used.
    pub fn enrol(&mut self, token: AccessToken, codes: usize) -> Expected {
        let expected = self.fresh(token, true);
        if expected == OK {
            self.factor = Some(Factor { step: self.now / (30 * SECOND), recovery: vec![true; codes] });
            self.change(Some(token.session));
        }
        expected
    }

    pub fn remove_factor(&mut self, token: AccessToken) -> Expected {
        let expected = self.fresh(token, true);
        if expected == OK {
            self.factor = None;
            self.change(Some(token.session));
        }
        expected
    }

    /// Judges the code of a factor, and spends it.
    fn spend(&mut self, proof: Proof) -> Expected {
        let now = self.now;
        let misses = &mut self.misses[usize::from(matches!(proof, Proof::Recovery(_)))];
        let since = |length: i64| misses.iter().filter(|at| **at > now - length).count();
        if since(15 * MINUTE) >= 10 || since(24 * HOUR) >= 30 {
            return EXCEEDED;
        }
        let step = now / (30 * SECOND);
        let is_right = self.factor.as_mut().is_some_and(|factor| match proof {
            Proof::Totp => {
                let is_new = factor.step < step;
                factor.step = factor.step.max(step);
                is_new
            }
            Proof::Recovery(at) => factor.recovery.get_mut(at).is_some_and(std::mem::take),
            _ => false,
        });
        if is_right {
            return OK;
        }
        misses.push(now);
        INVALID
    }

    pub fn finish_login(&mut self, flow: usize, proof: Proof) -> (Expected, Option<Tokens>) {
        let Flow { is_login, begun, epoch, wrong, is_spent } = self.flows[flow];
        let is_open = is_login && !is_spent && epoch == self.epoch && wrong < 5 && self.now < begun + 5 * MINUTE;
        if !is_open {
            return (INVALID, None);
        }
        let expected = self.spend(proof);
        match expected {
            OK => {
                self.flows.iter_mut().for_each(|flow| flow.is_spent |= flow.is_login);
                (OK, Some(self.open(true)))
            }
            _ => {
                self.flows[flow].wrong += u8::from(expected == INVALID);
                (expected, None)
            }
        }
    }

    pub fn reauthenticate(&mut self, token: AccessToken, proof: Proof) -> (Expected, Option<Tokens>) {
        let expected = match self.protect(token) {
            OK if proof == Proof::WrongPassword => WRONG,
            OK if proof != Proof::Password => self.spend(proof),
            other => other,
        };
        if expected != OK {
            return (expected, None);
        }
        let Session { created, auth_time, .. } = self.sessions[token.session];
        // Calls by password within a second share what the first of them made.
        let is_done = proof == Proof::Password && auth_time == self.now && created < self.now;
        if !is_done {
            self.step(token.session, 2);
            let now = self.now;
            let session = &mut self.sessions[token.session];
            session.auth_time = now;
            session.is_aal2 |= proof != Proof::Password;
        }
        (OK, Some(self.tokens(token.session)))
    }

    /// `true`: a message goes out, and a flow begins.
    pub fn forgot(&mut self) -> bool {
        let now = self.now;
        for (window, (length, most)) in self.sent.iter_mut().zip([(MINUTE, 1), (HOUR, 5)]) {
            if window.1 == 0 || now >= window.0 + length {
                *window = (now, 0);
            }
            if window.1 >= most {
                return false;
            }
            window.1 += 1;
        }
        if self.flows.iter().filter(|flow| !flow.is_login && self.is_open(flow)).count() >= 3 {
            return false;
        }
        self.flows.push(Flow { is_login: false, begun: now, epoch: self.epoch, wrong: 0, is_spent: false });
        true
    }

    const fn is_open(&self, flow: &Flow) -> bool {
        !flow.is_spent && flow.epoch == self.epoch && self.now < flow.begun + 30 * MINUTE
    }

    pub fn reset(&mut self, flow: usize, by: Secret) -> Expected {
        let found = self.flows[flow];
        let counts = by == Secret::Link || found.wrong < 5 && self.now < found.begun + 10 * MINUTE;
        if found.is_login || !self.is_open(&found) || !counts {
            return INVALID;
        }
        if by == Secret::WrongCode {
            self.flows[flow].wrong += 1;
            return INVALID;
        }
        self.flows[flow].is_spent = true;
        // The first proof of control over the account takes away what somebody else may have put there.
        if !std::mem::replace(&mut self.is_verified, true) {
            self.factor = None;
        }
        self.change(None);
        OK
    }
}
