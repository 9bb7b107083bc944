//! P55, as far as it goes without a network: what `.deny.toml` says of crates, versions, licences and sources holds for
//! everything in Cargo.lock. `make audit` asks for known advisories too.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use semver::{Version, VersionReq};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn rules() -> toml::Table {
    std::fs::read_to_string(Path::new(ROOT).join(".deny.toml")).unwrap().parse().unwrap()
}

/// Every package of the lock file, for every platform, with what its manifest says.
fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--all-features"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(packages) = metadata["packages"].take() else { panic!("there are no packages") };
    assert!(packages.len() > 100, "{} packages", packages.len());
    packages
}

fn name(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
}

/// A rule of `bans.deny`: a name, and perhaps which versions.
fn bans(rule: &str, package: &Value) -> bool {
    let (banned, versions) = rule
        .split_once(':')
        .map_or((rule, VersionReq::STAR), |(banned, versions)| (banned, VersionReq::parse(versions).unwrap()));
    let version = Version::parse(package["version"].as_str().unwrap()).unwrap();
    package["name"] == banned && versions.matches(&version)
}

#[test]
fn no_banned_crate_and_no_version_below_its_floor() {
    let rules = rules();
    let denied: Vec<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    let packages = packages();
    for package in &packages {
        let ban = denied.iter().find(|rule| bans(rule, package));
        assert!(ban.is_none(), "{} is banned by {}", name(package), ban.unwrap());
    }
    for rule in denied.iter().filter(|rule| rule.contains(':')) {
        let floored = rule.split(':').next().unwrap();
        assert!(packages.iter().any(|package| package["name"] == floored), "{rule}: nothing uses it, take it out");
    }
}

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let licences = |list: &toml::Value| -> Vec<spdx::Licensee> {
        let texts = list.as_array().unwrap().iter().map(|licence| licence.as_str().unwrap());
        texts.map(|text| spdx::Licensee::parse(text).unwrap()).collect()
    };
    let allowed = licences(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    for package in packages() {
        let own = exceptions.iter().filter(|exception| exception["crate"].as_str() == package["name"].as_str());
        let own: Vec<spdx::Licensee> = own.flat_map(|exception| licences(&exception["allow"])).collect();
        let text = package["license"].as_str().unwrap_or_else(|| panic!("{} names no licence", name(&package)));
        let expression = spdx::Expression::parse_mode(text, spdx::ParseMode::LAX).unwrap();
        let fits = expression.evaluate(|wanted| allowed.iter().chain(&own).any(|licence| licence.satisfies(wanted)));
        assert!(fits, "{}: {text}", name(&package));
    }
}

#[test]
fn every_crate_comes_from_the_registry_or_from_here() {
    for package in packages() {
        match package["source"].as_str() {
            Some(source) => assert_eq!(source, CRATES_IO, "{}", name(&package)),
            None => assert!(package["name"].as_str().unwrap().starts_with("sentri-"), "{}", name(&package)),
        }
    }
}

#[test]
fn the_rules_can_refuse() {
    let package = |name: &str, version: &str| serde_json::json!({ "name": name, "version": version });
    assert!(bans("openssl", &package("openssl", "0.10.1")));
    assert!(bans("bcrypt:<0.19.2", &package("bcrypt", "0.19.1")));
    assert!(!bans("bcrypt:<0.19.2", &package("bcrypt", "0.19.2")));
    assert!(!bans("bcrypt:<0.19.2", &package("bcrypt-pbkdf", "0.10.0")));
}

/// A target of each operating system.
const TARGETS: [&str; 3] = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-gnullvm"];

/// The crates of a binding with their features on a target, as `cargo tree` has them; not what runs while it is built.
fn features(package: &str, target: &str) -> BTreeSet<String> {
    let arguments = ["tree", "--locked", "--prefix", "none", "--edges", "normal,no-proc-macro", "--format", "{p} {f}"];
    let mut command = Command::new(env!("CARGO"));
    let command = command.args(arguments).args(["--package", package, "--target", target]);
    let output = command.current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// A crate with other features is another crate to Cargo, and so is all that builds on it, the core above all.
#[test]
fn the_core_is_compiled_once_for_both_bindings() {
    for target in TARGETS {
        let core: Vec<String> = features("sentri-core", target).iter().map(|line| crate_of(line).to_owned()).collect();
        assert!(core.len() > 100, "{} crates", core.len());
        let of_core = |package| -> BTreeSet<String> {
            let all = features(package, target);
            all.into_iter().filter(|line| core.iter().any(|of_core| of_core == crate_of(line))).collect()
        };
        let (node, python) = (of_core("sentri-node"), of_core("sentri-python"));
        let differing: Vec<_> = node.symmetric_difference(&python).collect();
        assert!(differing.is_empty(), "give these the same features in both on {target}: {differing:#?}");
    }
}

/// On Windows an addon finds the functions of Node by itself: nothing there resolves them when it is loaded.
#[test]
fn windows_looks_the_symbols_of_node_up() {
    for target in TARGETS {
        let crates = features("sentri-node", target);
        let napi = crates.iter().find(|line| line.starts_with("napi ")).unwrap();
        assert_eq!(napi.contains("dyn-symbols"), target.contains("windows"), "{target}: {napi}");
    }
}

/// Name and version.
fn crate_of(line: &str) -> &str {
    line.match_indices(' ').nth(1).map_or(line, |(end, _)| &line[..end])
}
