//! `corpus names`, `corpus unpack NAME FOLDER`, `corpus pack NAME FOLDER`: between the corpus in the repository and a folder
//! with a file for each input, as libFuzzer has it.

#![allow(clippy::unwrap_used, reason = "a tool of the tests")]

use std::path::Path;

use sentri_fuzz::{TARGETS, corpus, find};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["names"] => TARGETS.iter().for_each(|target| println!("{}", target.name)),
        ["unpack", name, folder] => unpack(name, Path::new(folder)),
        ["pack", name, folder] => pack(name, Path::new(folder)),
        _ => panic!("corpus names | unpack NAME FOLDER | pack NAME FOLDER"),
    }
}

fn unpack(name: &str, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (number, kept) in corpus::read(name).iter().enumerate() {
        std::fs::write(folder.join(format!("kept-{number:04}")), &kept.data).unwrap();
    }
}

fn pack(name: &str, folder: &Path) {
    let files = std::fs::read_dir(folder).unwrap();
    let inputs = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    corpus::write(find(name), inputs.collect());
}
