//! The cases of the suite for every store that are about users of other systems.

use std::sync::Arc;

use sentri_core::crypto::{Secret, make_id};
use sentri_core::identifier::{Normalized, claim, normalize};
use sentri_core::store::import::{Imported, NewImport};
use sentri_core::store::model::{Factor, Identifier, NewUser};

use crate::conformance::{AnyStore, HASH, HOUR, T, new_user, race};

pub fn import_of(values: &[(&str, &str)]) -> NewImport {
    let identifiers = values.iter().map(|(kind, value)| {
        let Normalized { value, normalized } = normalize(kind, value).unwrap();
        Identifier { id: make_id(), kind: (*kind).to_owned(), value, normalized, verified_at: Some(T - HOUR) }
    });
    let claims = values.iter().filter_map(|(kind, value)| claim(kind, value)).collect();
    let user = NewUser { identifiers: identifiers.collect(), claims, now: T - HOUR, ..new_user(&[]) };
    NewImport { user, factors: Vec::new() }
}

fn factor_of(user_id: &str) -> Factor {
    Factor {
        id: make_id(),
        user_id: user_id.to_owned(),
        kind: "totp".into(),
        label: None,
        secret: Secret::new("v1.abc".into()),
        last_step: 0,
        created_at: T,
        confirmed_at: Some(T),
        last_used_at: None,
    }
}

async fn import(store: &AnyStore, users: &[NewImport]) -> Vec<Imported> {
    store.import_users(users, T, true).await.unwrap()
}

pub async fn imported_users_come_back_whole(store: AnyStore) {
    let mut users: Vec<NewImport> = (0..1_100)
        .map(|n| import_of(&[("email", &format!("User{n}@example.com")), ("username", &format!("User{n}"))]))
        .collect();
    for user in users.iter_mut().step_by(3) {
        user.factors.push(factor_of(&user.user.id));
        user.user.password_hash = None;
    }
    for part in users.chunks(600) {
        assert!(import(&store, part).await.iter().all(|end| *end == Imported::Written));
    }
    for NewImport { user, factors } in users.iter().step_by(101) {
        let found = store.find_user(&user.id).await.unwrap().unwrap();
        assert_eq!((&found.user.roles, found.user.created_at), (&user.roles, T - HOUR));
        let in_order = |mut list: Vec<Identifier>| {
            list.sort_by(|a, b| a.kind.cmp(&b.kind));
            list
        };
        assert_eq!(in_order(found.identifiers), in_order(user.identifiers.clone()));
        assert_eq!(store.factors_of(&user.id).await.unwrap().factors, *factors);
        let name = &user.identifiers[1].normalized;
        let credential = store.find_credential(name, name, &[]).await.unwrap().unwrap();
        let hash = credential.password_hash.map(|hash| hash.expose().clone());
        assert_eq!((credential.user_id, credential.auth_epoch), (user.id.clone(), 0));
        assert_eq!(hash.as_deref(), factors.is_empty().then_some(HASH));
    }
    assert_eq!(store.list_users(2_000, None, &[]).await.unwrap().users.len(), 1_100);
    // No placeholder of a claim is left.
    let owner = store.list_users(10, None, &["user1099".to_owned()]).await.unwrap().users;
    assert_eq!(owner.len(), 1);
}

pub async fn an_import_is_repeated_without_effect(store: AnyStore) {
    let users: Vec<NewImport> = (0..7).map(|n| import_of(&[("username", &format!("u{n}"))])).collect();
    assert!(import(&store, &users[..4]).await.iter().all(|end| *end == Imported::Written));
    let again = import(&store, &users).await;
    assert!(again[..4].iter().all(|end| *end == Imported::Present), "{again:?}");
    assert!(again[4..].iter().all(|end| *end == Imported::Written), "{again:?}");
    assert_eq!(store.list_users(100, None, &[]).await.unwrap().users.len(), 7);
    // Nothing of the one who is there changes.
    let other = NewImport {
        user: NewUser { roles: vec!["admin".into()], password_hash: None, ..users[0].user.clone() },
        factors: vec![factor_of(&users[0].user.id)],
    };
    assert_eq!(import(&store, &[other]).await, [Imported::Present]);
    assert_eq!(store.find_user(&users[0].user.id).await.unwrap().unwrap().user.roles, ["user"]);
    assert!(store.factors_of(&users[0].user.id).await.unwrap().factors.is_empty());
    let stranger = NewImport {
        user: NewUser { id: users[0].user.id.clone(), ..import_of(&[("username", "x")]).user },
        factors: vec![],
    };
    assert_eq!(import(&store, &[stranger]).await, [Imported::OtherUser]);
    assert!(store.delete_user(&users[0].user.id, T + HOUR).await.unwrap());
    assert_eq!(import(&store, &users[..1]).await, [Imported::Deleted]);
}

pub async fn an_import_takes_nobodys_sign_in(store: AnyStore) {
    let there = import_of(&[("username", "rizz"), ("staff", "ABC")]);
    assert_eq!(import(&store, std::slice::from_ref(&there)).await, [Imported::Written]);
    let users = [
        import_of(&[("username", "RIZZ")]),
        import_of(&[("username", "abc")]),
        import_of(&[("staff", "Rizz")]),
        import_of(&[("staff", "abc")]),
        import_of(&[("email", "a@example.com"), ("username", "rizz")]),
        import_of(&[("email", "A@example.com")]),
        import_of(&[("username", "zoe")]),
        import_of(&[("staff", "ZOE")]),
        import_of(&[("username", "Zoe")]),
    ];
    // A name may stand beside a value of an own type that is its own in capitals alone.
    let wanted = [
        Imported::Taken,
        Imported::Written,
        Imported::Taken,
        Imported::Taken,
        Imported::Taken,
        Imported::Written,
        Imported::Written,
        Imported::Taken,
        Imported::Taken,
    ];
    assert_eq!(store.import_users(&users, T, false).await.unwrap()[..3], wanted[..3], "what would become of them");
    assert_eq!(store.list_users(100, None, &[]).await.unwrap().users.len(), 1, "nothing was written");
    assert_eq!(import(&store, &users).await, wanted);
    assert_eq!(store.list_users(100, None, &[]).await.unwrap().users.len(), 4);
    // Spellings that fold to one, of addresses too.
    let users = [
        import_of(&[("username", "Straße")]),
        import_of(&[("username", "STRASSE")]),
        import_of(&[("email", "groß@example.com")]),
        import_of(&[("email", "Gross@example.com")]),
    ];
    let wanted = [Imported::Written, Imported::Taken, Imported::Written, Imported::Taken];
    assert_eq!(import(&store, &users).await, wanted);
    assert_eq!(import(&store, &[import_of(&[("email", "GROSS@example.com")])]).await, [Imported::Taken]);
    assert_eq!(store.list_users(100, None, &[]).await.unwrap().users.len(), 6);
    // Two of one id, the second with other identifiers.
    let first = import_of(&[("username", "one")]);
    let second = NewImport {
        user: NewUser { id: first.user.id.clone(), ..import_of(&[("username", "two")]).user },
        factors: vec![],
    };
    assert_eq!(
        import(&store, &[first.clone(), second, first]).await,
        [Imported::Written, Imported::OtherUser, Imported::Present]
    );
}

pub async fn imports_and_registrations_race_for_values(store: AnyStore) {
    for round in 0..4 {
        let results = race(8, |index| {
            let store = Arc::clone(&store);
            // Everybody brings a name that all want among some that nobody else does.
            let (mail, name) = (format!("w{round}@example.com"), format!("Wanted{round}"));
            let kind = if index % 3 == 0 { "staff" } else { "username" };
            let mut users: Vec<NewImport> =
                (0..5).map(|n| import_of(&[("username", &format!("r{round}i{index}n{n}"))])).collect();
            users.push(import_of(&[(kind, &name)]));
            users.push(import_of(&[("email", &mail)]));
            async move {
                if index < 2 {
                    let made = store.create_user(&users[5].user).await.unwrap();
                    return (made, store.create_user(&users[6].user).await.unwrap());
                }
                let ends = store.import_users(&users, T, true).await.unwrap();
                assert!(ends[..5].iter().all(|end| *end == Imported::Written), "{ends:?}");
                (ends[5] == Imported::Written, ends[6] == Imported::Written)
            }
        })
        .await;
        assert_eq!(results.iter().filter(|(name, _)| *name).count(), 1, "{results:?}");
        assert_eq!(results.iter().filter(|(_, mail)| *mail).count(), 1, "{results:?}");
    }
}
