//! Tells the linker that Node resolves the napi symbols, and that the names of the others, a tenth of the download, are
//! not needed.

fn main() {
    napi_build::setup();
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--strip-all");
    }
}
