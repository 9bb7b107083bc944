//! The model of a Redis that the schedules run against answers as the scripts do.

use redis::cmd;
use sentri_core::crypto::{make_id, make_random};

use crate::connect;
use crate::support::rounds;

#[path = "../schedules/model.rs"]
mod buckets;

const BEGIN: &str = include_str!("../../../core/src/redis/begin.lua");
const SETTLE: &str = include_str!("../../../core/src/redis/settle.lua");

/// Arguments of a script, and whether it is the one that begins. Few tickets, so that they meet.
fn any_call() -> (bool, Vec<String>) {
    let random: [u8; 10] = make_random();
    let ticket = |at: usize| (random[at] % 5 + 1).to_string();
    let seen = if random[0].is_multiple_of(4) { random[1] % 3 } else { 0 };
    let mut arguments: Vec<String> = ["2", "3600000", "30000"].map(str::to_owned).to_vec();
    if random[2].is_multiple_of(2) {
        let word = ["begin", "begin", "hit", "note"][usize::from(random[3] % 4)];
        arguments.extend([word.to_owned(), seen.to_string(), "3000000".to_owned()]);
        arguments.push(if word == "begin" { ticket(4) } else { "0".to_owned() });
        let in_flight = usize::from(random[5] % 3);
        arguments.push(in_flight.to_string());
        arguments.extend((6..6 + in_flight + usize::from(random[5] / 128)).map(ticket));
        return (true, arguments);
    }
    let word = ["counted", "counted", "refunded", "reset"][usize::from(random[3] % 4)];
    let known = (random[5] % 2).to_string();
    arguments.extend([word.to_owned(), ticket(4), known, seen.to_string(), "3000000".to_owned()]);
    (false, arguments)
}

#[tokio::test]
async fn the_model_of_the_schedules_is_that_of_the_scripts() {
    let mut connection = connect().await;
    for _ in 0..rounds(20, 1_000) {
        let (key, mut model) = (format!("sentri:model:{}", make_id()), buckets::Buckets::default());
        let mut calls = Vec::new();
        for _ in 0..50 {
            let (begins, arguments) = any_call();
            let mut script = cmd("EVAL");
            script.arg(if begins { BEGIN } else { SETTLE }).arg(1).arg(&key).arg(&arguments);
            let mut answer: Vec<i64> = script.query_async(&mut connection).await.unwrap();
            answer.pop();
            let modelled = model.run(&key, &arguments);
            calls.push(arguments);
            assert_eq!(answer, modelled, "{calls:?}");
        }
        let _: i64 = cmd("DEL").arg(&key).query_async(&mut connection).await.unwrap();
    }
}
