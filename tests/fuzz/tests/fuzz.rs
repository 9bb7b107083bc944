//! P52, the short form: each target over its corpus, and over changed inputs of it for a few seconds.
//! `SENTRI_FUZZ_SECONDS` says for how long, `SENTRI_FUZZ_SEED` brings a run back, `SENTRI_FUZZ_ACCEPT` writes changed verdicts.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

use sentri_fuzz::mutation::{Random, mutate};
use sentri_fuzz::{TARGETS, Target, corpus, find};

/// The longest that one input may take, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Runs the target, and leaves an input that breaks a property where it can be run again.
fn hold(target: &Target, data: &[u8]) {
    let began = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target.run(data)));
    let took = began.elapsed();
    if result.is_err() || took > PATIENCE {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fuzz/found");
        std::fs::create_dir_all(folder).unwrap();
        let path = format!("{folder}/{}", target.name);
        std::fs::write(&path, data).unwrap();
        panic!("{} after {took:?}: {:?}, kept in {path}", target.name, String::from_utf8_lossy(data));
    }
}

fn short(name: &str) {
    let target = find(name);
    let kept = corpus::read(name);
    assert!(kept.len() >= 10, "corpus/{name}.json holds next to nothing");
    let inputs: Vec<Vec<u8>> = kept.iter().map(|kept| kept.data.clone()).collect();
    for one in &kept {
        hold(target, &one.data);
    }
    if std::env::var_os("SENTRI_FUZZ_ACCEPT").is_some() {
        corpus::write(target, inputs.clone());
    } else if let Some(verdict) = target.verdict {
        for one in &kept {
            assert_eq!(verdict(&one.data), one.verdict, "{name}: {:?}", String::from_utf8_lossy(&one.data));
        }
    }
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let seed = number("SENTRI_FUZZ_SEED").unwrap_or_else(|| nanos.into());
    println!("SENTRI_FUZZ_SEED={seed}");
    let mut random = Random::new(seed);
    let until = Instant::now() + Duration::from_secs(number("SENTRI_FUZZ_SECONDS").unwrap_or(3));
    let mut runs = 0_u64;
    while Instant::now() < until {
        let (one, other) = (random.below(inputs.len()), random.below(inputs.len()));
        hold(target, &mutate(&inputs[one], &inputs[other], &mut random));
        runs += 1;
    }
    println!("{name}: {} kept inputs, {runs} changed ones", inputs.len());
}

macro_rules! targets {
    ($($name:ident),+) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];
        mod p52 {
            $(#[test] fn $name() { super::short(stringify!($name)); })+
        }
    };
}

targets!(
    authorization,
    body,
    claims,
    code,
    configuration,
    cookie,
    database,
    duration,
    forwarded,
    hash,
    identifier,
    import,
    jwks,
    neighbours,
    origin,
    packed,
    pem,
    query,
    token
);

#[test]
fn every_target_is_tested() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
}
