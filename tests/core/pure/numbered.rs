//! Objects by number, as the bindings find them.

use std::sync::Arc;

use sentri_core::numbered::Numbered;

/// A forked child replaces the object of its parent. It must not wait for a thread that was running in the parent.
#[test]
fn an_object_is_replaced_and_forgotten_while_it_is_used() {
    let all = Numbered::new();
    let number = all.remember("first");
    let used = all.with(number, |first| {
        all.replace(number, "second");
        (*first, all.with(number, |second| *second))
    });
    assert_eq!(used, Some(("first", Some("second"))));
    let used = all.with(number, |second| {
        all.forget(number);
        *second
    });
    assert_eq!((used, all.with(number, |_| ())), (Some("second"), None));
    assert_eq!(all.remember("third"), number, "a number that was given back is used again");
}

/// The last use drops an object that was forgotten meanwhile.
#[test]
fn a_forgotten_object_lives_as_long_as_it_is_used() {
    let (all, object) = (Numbered::new(), Arc::new(()));
    let number = all.remember(Arc::clone(&object));
    all.with(number, |_| {
        all.forget(number);
        assert_eq!(Arc::strong_count(&object), 2);
    });
    assert_eq!(Arc::strong_count(&object), 1);
}
