use sentri_core::http::token_choice::{Candidate, Choice, choose};
use sentri_core::token::claims::AccessClaims;
use sentri_core::token::{Reason, TokenError};

/// Judges tokens that are written `user:iat`, of which those that end in `!` have expired and others are none.
fn judge(tokens: &[&str]) -> Choice {
    choose(tokens.iter().map(|token| (*token).to_owned()).collect(), |token| {
        let (user, rest) = token.split_once(':').ok_or(match token {
            "old" => TokenError::Expired,
            _ => TokenError::Invalid(Reason::Signature),
        })?;
        let iat = rest.trim_end_matches('!').parse().unwrap();
        let claims = AccessClaims {
            id: user.to_owned(),
            roles: Vec::new(),
            withheld: Vec::new(),
            session_id: None,
            assurance: None,
            iat,
            exp: iat + 900,
            iss: None,
            aud: None,
        };
        Ok((claims, rest.ends_with('!')))
    })
}

fn shown(choice: Choice) -> String {
    let list = |all: Vec<Candidate>| all.into_iter().map(|one| one.token).collect::<Vec<_>>().join(" ");
    match choice {
        Choice::Good(all) => format!("good {}", list(all)),
        Choice::Expired(all) => format!("expired {}", list(all)),
        Choice::Conflict => "conflict".to_owned(),
        Choice::Bad(TokenError::Expired) => "bad: old".to_owned(),
        Choice::Bad(TokenError::Invalid(_)) => "bad".to_owned(),
    }
}

#[test]
fn several_tokens_count_for_one_user_alone() {
    for (tokens, expected) in [
        (&["mona:1"][..], "good mona:1"),
        (&["mona:1", "mona:3", "mona:2"], "good mona:3 mona:2 mona:1"),
        (&["mona:1", "rizz:2"], "conflict"),
        (&["mona:1", "mona:2", "rizz:3"], "conflict"),
        (&["rizz:2!", "mona:1", "none"], "good mona:1"),
        (&["mona:1!"], "expired mona:1!"),
        (&["mona:1!", "mona:2!", "none"], "expired mona:1! mona:2!"),
        (&["none", "mona:1!"], "expired mona:1!"),
        (&["mona:1!", "rizz:2!"], "conflict"),
        (&["mona:1!", "rizz:2!", "none"], "conflict"),
        (&["none", "old"], "bad"),
        (&["old", "none"], "bad: old"),
    ] {
        assert_eq!(shown(judge(tokens)), expected, "{tokens:?}");
    }
}
