//! Common passwords, which the preset `nist` refuses. The whole password is compared, not parts of it (NIST SP
//! 800-63B-4, 3.1.1.2).

/// The list, in lower case and separated by blanks. It holds the most common passwords of published lists, and longer
/// ones, since the preset requires 15 characters.
const COMMON: &str = "\
123456 password 12345678 qwerty 123456789 12345 1234 111111 1234567 dragon 123123 baseball abc123 football monkey \
letmein 696969 shadow master 666666 qwertyuiop 123321 mustang 1234567890 michael 654321 superman 1qaz2wsx 7777777 \
121212 000000 qazwsx 123qwe killer trustno1 jordan jennifer zxcvbnm asdfgh hunter buster soccer harley batman andrew \
tigger sunshine iloveyou 2000 charlie robert thomas hockey ranger daniel starwars klaster 112233 george computer \
michelle jessica pepper 1111 zxcvbn 555555 11111111 131313 freedom 777777 pass maggie 159753 aaaaaa ginger princess \
joshua cheese amanda summer love ashley nicole chelsea biteme matthew access yankees 987654321 dallas austin thunder \
taylor matrix william corvette hello martin heather secret merlin diamond 1234qwer gfhjkm hammer silver 222222 \
88888888 anthony justin test bailey q1w2e3r4t5 patrick internet scooter orange 11111 golfer cookie richard samantha \
bigdog guitar jackson whatever mickey chicken sparky snoopy maverick phoenix camaro peanut morgan welcome falcon \
cowboy ferrari samsung andrea smokey steelers joseph mercedes dakota arsenal eagles melissa boomer booboo spider \
nascar monster tigers yellow xxxxxx 123123123 gateway marina diablo bulldog qwer1234 compaq purple hardcore banana \
junior hannah 123654 porsche lakers iceman money cowboys 987654 london tennis 999999 ncc1701 coffee scooby 0000 \
miller boston q1w2e3r4 brandon yamaha chester mother forever johnny edward 333333 oliver redsox player nikita knight \
fender barney midnight please brandy chicago badboy slayer rangers charles angel flower rabbit wizard jasper enter \
rachel chris steven winner adidas victoria natasha 1q2w3e4r jasmine winter prince marine fishing cocacola casper \
james 232323 raiders 888888 marlboro gandalf asdfasdf crystal 87654321 12344321 golden 8675309 panther lauren angela \
spanky thx1138 angels madison winston shannon mike toyota jordan23 canada sophie apples tiger razz 123abc pokemon \
qazxsw 55555 qwaszx muffin johnson murphy cooper jonathan liverpoo liverpool david danielle 159357 jackie 1990 \
123456a 789456 turtle horny abcd1234 scorpion qazwsxedc 101010 butter carlos password1 dennis slipknot qwerty123 \
booger asdf 1991 black startrek 12341234 cameron newyork rainbow nathan john 1992 rocket viking redskins butthead \
asdfghjkl 1212 sierra peaches gemini doctor wilson sandra helpme qwertyui victor florida dolphin pookie captain \
tucker blue theman bandit maddog packers jaguar lovers nicholas united tiffany maxwell zzzzzz nirvana jeremy monica \
elephant giants hotdog rosebud success debbie mountain 444444 warrior 1q2w3e4r5t q1w2e3 123456q albert metallic \
lucky azerty 7777 alex bond007 alexis 1111111 samson 5150 willie scorpio bonnie gators benjamin voodoo driver dexter \
2112 jason calvin freddy 212121 creative 12345a sydney rush2112 1989 asdfghjk red123 bubba 4815162342 passw0rd \
p@ssw0rd p@ssword password123 password12 password! password1! password@123 pass@123 passw0rd! admin admin123 \
administrator root toor guest default changeme change-me letmein123 welcome1 welcome123 qwerty1 qwerty12 qwerty12345 \
iloveyou1 abc12345 abcd123 abcdef a1b2c3 a1b2c3d4 aa123456 test123 test1234 secret123 monkey123 dragon123 login user \
temp temporary nothing god jesus christ heaven family friends friend buddy sunshine1 princess1 football1 baseball1 \
superman1 batman1 letmeinplease opensesame 1password zaq12wsx zaq1zaq1 xsw2zaq1 1qazxsw2 qweasd qweasdzxc poiuytrewq \
lkjhgfdsa mnbvcxz 147258369 147258 258456 369258147 741852963 963852741 123789 789456123 456789 135790 13579 246810 \
102030 10203 314159 271828 31415926 3141592653589793 31415926535897932 2718281828459045 1123581321345589 \
correcthorsebatterystaple correct-horse-battery-staple \
thequickbrownfox thequickbrownfoxjumps thequickbrownfoxjumpsoverthelazydog jumpsoverthelazydog loremipsumdolor \
loremipsumdolorsitamet tobeornottobethatisthequestion tobeornottobe maytheforcebewithyou iamyourfather \
supercalifragilisticexpialidocious abracadabra123456 letmeinletmein123 iloveyousomuch iloveyouforever \
iloveyou123456789 iloveyou1234567 passwordpassword1 passwordpassword123 password123456789 password1234567 \
password12345678 password123456 passwordis123456 mypasswordis123 mypassword123456 thisismypassword \
thisismypassword1 thisisapassword thisispassword thisisasecret thisismysecret mysecretpassword \
mysupersecretpassword supersecretpassword supersecretpassword1 verysecretpassword secretpassword123 changethispassword \
pleasechangeme123 changeme123456789 administrator123 administrator1234 administratorpassword adminadmin12345 \
qwertyuiop12345 qwertyuiop123456 qwertyuiop1234567890 qwerty123456789 qwerty1234567890 asdfghjkl123456 \
1234567890qwerty 123456789qwerty 1234567890abcde 1234567890abcdef 123456789abcdef abcdefghijklmno1 abcdef123456789 \
abcdefg12345678 abc123abc123abc1 1qaz2wsx3edc4rf 1qaz2wsx3edc4rfv 1qaz2wsx3edc4rfv5tgb 1q2w3e4r5t6y7u8i \
1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8 q1w2e3r4t5y6u7i8o9p0 qazwsxedcrfvtgb qazwsxedcrfvtgbyhnujm zaq12wsxcde34rfv \
0123456789abcdef 0987654321qwerty a1b2c3d4e5f6g7h8 a1s2d3f4g5h6j7k8 aaaaaaaaaaaaaaa1 letmeinletmeinnow \
welcometothejungle welcome123456789 welcome1234567890 jesuschristislord godisgoodallthetime ilovejesuschrist \
manchesterunited manchesterunited1 liverpoolfootballclub realmadridcf1902 fcbarcelona1899 newyorkyankees1 \
dallascowboys1 chelseafootballclub juventusfootballclub bismillahirrahmanirrahim bismillah123456 \
hellohellohello1 helloworld123456 helloworldhelloworld helloworldhello trustno1trustno1 starwarsstarwars \
startrekstartrek harrypotter12345 gameofthrones123 thelordoftherings lordoftherings1 fortheloveofgod";

/// Rows and columns of keyboards, and the alphabet. A password that is a part of them is well known.
const RUNS: [&str; 6] = [
    "01234567890123456789012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiop",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "azertyuiopqsdfghjklmwxcvbn",
];

/// Whether `password` is well known. It is if it is on the list, ignoring case, or a part of a keyboard row or the
/// alphabet in either direction, or repeats such a text or up to four characters.
#[must_use]
pub fn is_common(password: &str) -> bool {
    let folded = password.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let text = folded.iter().collect::<String>();
    if is_listed(&text) || is_run(&text) {
        return true;
    }
    // A repeated text, of which the last repetition may be incomplete.
    (1..=folded.len() / 2).filter(|period| folded.iter().zip(&folded[*period..]).all(|(a, b)| a == b)).any(|period| {
        let unit = folded[..period].iter().collect::<String>();
        period <= 4 || is_listed(&unit) || is_run(&unit)
    })
}

fn is_listed(text: &str) -> bool {
    // This sentence has blanks, which separate the words of the list.
    text == "correct horse battery staple" || COMMON.split(' ').any(|common| common == text)
}

fn is_run(text: &str) -> bool {
    let backwards = text.chars().rev().collect::<String>();
    text.len() >= 4 && RUNS.iter().any(|run| run.contains(text) || run.contains(&backwards))
}
