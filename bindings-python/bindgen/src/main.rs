//! Writes the bindings of a language from the built library; see `make bindings`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
