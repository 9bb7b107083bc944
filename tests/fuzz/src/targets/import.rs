//! Lines of exports of other systems: a line with the format, and the export's. What is refused is refused in words that
//! hold no hash.

use sentri_core::import::{FirebaseHash, Format};
use sentri_core::password::{Policy, check_stored};

use crate::reading::Node;

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let (name, line) = super::split_line(text);
    let Some(format) = format(name) else { return };
    match format.read(line) {
        Ok(user) => {
            assert!(!user.id.is_empty() && user.id.len() <= 255 && !user.id.contains(char::is_control));
            assert!(Node::read(line.as_bytes()).is_some_and(|node| !node.repeats()), "{line}");
            let id = format.user_id(&user.id);
            assert!(id.len() == 36 && format.user_id(&id) == id, "the id of an id is itself: {id}");
            if let Some(hash) = user.hash.as_ref().filter(|hash| line.matches(hash.expose().as_str()).count() == 1) {
                assert!(!format!("{user:?}").contains(hash.expose().as_str()), "{user:?}");
                let _ = check_stored(hash.expose(), &Policy::default());
            }
        }
        Err(error) => {
            assert!(["VALIDATION_ERROR", "FORBIDDEN"].contains(&error.code.as_ref()), "{error:?}");
            for secret in line.split('"').filter(|text| text.starts_with('$') && text.len() > 20) {
                assert!(!error.message.contains(secret), "{}", error.message);
            }
        }
    }
}

fn format(name: &str) -> Option<Format> {
    Some(match name {
        "sentri" => Format::Sentri,
        "better-auth" => Format::BetterAuth,
        "supabase" => Format::Supabase,
        "auth0" => Format::Auth0,
        "django" => Format::Django,
        "keycloak" => Format::Keycloak,
        "firebase" => {
            let key = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
            Format::Firebase(FirebaseHash::new(key, "Bw==", 8, 14).ok()?)
        }
        _ => return None,
    })
}
