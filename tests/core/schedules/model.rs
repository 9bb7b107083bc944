//! A model of a Redis that keeps buckets: `begin.lua` and `settle.lua` without the time, and a line to it that breaks.
//! `core/redis/model.rs` holds the scripts and this to the same answers.

use std::collections::{BTreeMap, BTreeSet};

/// A bucket as the scripts keep it. Its window never ends.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub count: i64,
    pub tickets: BTreeSet<String>,
}

/// All buckets of one Redis.
#[derive(Debug, Default)]
pub struct Buckets(pub BTreeMap<String, Bucket>);

impl Buckets {
    /// Runs the script that these arguments are for. Both have the word at the same place.
    pub fn run(&mut self, key: &str, arguments: &[String]) -> Vec<i64> {
        match arguments[3].as_str() {
            "begin" | "hit" | "note" => self.begin(key, arguments),
            _ => self.settle(key, arguments),
        }
    }

    /// `begin.lua`: verdict, counted, in flight.
    fn begin(&mut self, key: &str, arguments: &[String]) -> Vec<i64> {
        let bucket = self.0.entry(key.to_owned()).or_default();
        let number = |at: usize| arguments[at].parse::<i64>().unwrap();
        let (limit, seen, ticket) = (number(0), number(4), &arguments[6]);
        let (in_flight, ended) = arguments[8..].split_at(usize::try_from(number(7)).unwrap());
        bucket.tickets.extend(in_flight.iter().cloned());
        bucket.tickets.retain(|ticket| !ended.contains(ticket));
        bucket.count = bucket.count.max(seen);
        let held = bucket.count + bucket.in_flight();
        let verdict = match arguments[3].as_str() {
            _ if bucket.tickets.contains(ticket) => 0,
            _ if bucket.count >= limit => 2,
            _ if held >= limit => 1,
            word => {
                bucket.count += i64::from(word == "hit");
                if word == "begin" {
                    bucket.tickets.insert(ticket.clone());
                }
                0
            }
        };
        vec![verdict, bucket.count, bucket.in_flight()]
    }

    /// `settle.lua`: counted, in flight.
    fn settle(&mut self, key: &str, arguments: &[String]) -> Vec<i64> {
        let bucket = self.0.entry(key.to_owned()).or_default();
        let was_in_flight = bucket.tickets.remove(&arguments[4]);
        bucket.count = bucket.count.max(arguments[6].parse().unwrap());
        match arguments[3].as_str() {
            "counted" if was_in_flight || arguments[5] != "1" => bucket.count += 1,
            "reset" => bucket.count = 0,
            _ => {}
        }
        let answer = vec![bucket.count, bucket.in_flight()];
        if answer == [0, 0] {
            self.0.remove(key);
        }
        answer
    }
}

impl Bucket {
    pub fn in_flight(&self) -> i64 {
        i64::try_from(self.tickets.len()).unwrap()
    }
}
