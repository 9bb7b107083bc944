//! Tells the linker that Node resolves the napi symbols.

fn main() {
    napi_build::setup();
}
