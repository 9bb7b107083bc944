//! The passwords that everybody tries first (NIST SP 800-63B-4, 3.1.1.2).

use std::collections::HashSet;
use std::sync::LazyLock;

/// Common words and patterns; those of 15 or more code points matter with the preset, the others when `minLength` is
/// set lower.
const WORDS: &str = "
123456 1234567 12345678 123456789 1234567890 12345678910 0123456789 9876543210 0987654321 987654321 111111 11111111
000000 00000000 112233 121212 123123 123321 123654 147258 147258369 159753 222222 55555555 654321 666666 696969 777777
7777777 888888 88888888 987654 999999 999999999 1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc aa123456 aaaaaa abc123
abcd1234 abcdef abcdefg abcdefgh access admin admin123 administrator adobe123 amanda andrew angel anthony ashley asdasd
asdf1234 asdfasdf asdfgh asdfghjk asdfghjkl azerty bailey baseball basketball batman biteme buster butterfly changeme
charlie cheese chelsea chocolate computer cookie corvette daniel default diamond dragon dubsmash elephant facebook family
ferrari flower football forever freedom fuckyou george ginger gizmodo google guest hannah harley hello hello123 hockey
hunter iloveyou iloveyou1 jasmine jennifer jessica jordan jordan23 joshua justin killer klaster letmein letmein1 liverpool
login lovely loveme maggie master matrix matthew maverick mercedes michael michelle monkey monster mustang mynoob naruto
nicole ninja nothing oliver orange p@ssw0rd p@ssword passw0rd password password! password1 password12 password123
password1234 password12345 password123456 passpass pepper pokemon princess purple qazwsx qazwsxedc qwer1234 qwerty qwerty1
qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456 qwertyui qwertyuiop ranger robert samantha samsung secret secret123
shadow silver soccer solo spiderman starwars summer sunshine superman superstar taylor tigger thomas thunder trustno1
welcome welcome1 welcome123 whatever william winter xxxxxx yankees zaq12wsx zaq1zaq1 zxcvbn zxcvbnm
123456789012345 1234567890123456 12345678901234567890 000000000000000 111111111111111 aaaaaaaaaaaaaaa passwordpassword
password12345678 password123456789 passwordpassword1 qwertyuiopasdfgh qwertyuiopasdfghjkl qwertyuiopasdfghjklzxcvbnm
qwertyqwertyqwerty abcdefghijklmno abcdefghijklmnop abcdefghijklmnopqrstuvwxyz 1qaz2wsx3edc4rfv 1qaz2wsx3edc4rfv5tgb
correcthorsebatterystaple correct-horse-battery-staple thequickbrownfox thequickbrownfoxjumpsoverthelazydog
iloveyouiloveyou iloveyou123456789 administrator123 administrator1234 administratorpassword changemechangeme
changeme123456789 letmeinletmeinletmein welcomewelcome123 mypasswordispassword thisismypassword thisismypassword1
thisisapassword thisisapassword1 supersecretpassword secretpassword123 letmeinplease123 monkeymonkeymonkey
dragondragondragon footballfootball baseballbaseball princessprincess sunshinesunshine trustno1trustno1
";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());

/// Whether a password is a common one, in any case, or one character over and over.
#[must_use]
pub fn contains(password: &str) -> bool {
    let folded = password.to_lowercase();
    let mut characters = folded.chars();
    let first = characters.next();
    KNOWN.contains(folded.as_str()) || characters.all(|c| Some(c) == first)
}
