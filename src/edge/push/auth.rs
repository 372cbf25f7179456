//! Who may post: a token, a signature over the body, a client certificate; whatever is set must be there.
//!
//! Nothing here says which of them was wrong, and nothing is compared in a time that tells.

use std::fmt;
use std::time::Duration;

use canon::Millis;
use ring::hmac;

use super::refusal::Refusal;

/// Header of the signature over a body.
pub const SIGNATURE: &str = "x-tiergate-signature";

/// Who may post. Of each kind there may be several, so that one can follow another.
#[derive(Clone, Default)]
pub struct Auth {
    /// Bearer tokens.
    pub tokens: Vec<String>,
    /// Keys of signatures over the body (HMAC-SHA256).
    pub keys: Vec<Vec<u8>>,
    /// SHA-256 of client certificates.
    pub clients: Vec<[u8; 32]>,
    /// How far a signature's time may be from ours.
    pub skew: Duration,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tokens, keys, clients) = (self.tokens.len(), self.keys.len(), self.clients.len());
        write!(f, "{tokens} tokens, {keys} keys, {clients} client certificates")
    }
}

/// What a request says of who sends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// [`SIGNATURE`].
    pub signature: Option<&'a str>,
    /// SHA-256 of the client's certificate, which its key and authority were proved for.
    pub client: Option<[u8; 32]>,
}

impl Auth {
    /// Nobody could post.
    pub const fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.keys.is_empty() && self.clients.is_empty()
    }

    /// What can be told before the body is read.
    pub(super) fn before(&self, said: &Said<'_>) -> Result<(), Refusal> {
        let token = said.authorization.and_then(bearer).unwrap_or_default();
        let fine = !self.is_empty()
            && (self.tokens.is_empty()
                || any(&self.tokens, |t| same(t.as_bytes(), token.as_bytes())))
            && (self.keys.is_empty() || said.signature.is_some())
            && (self.clients.is_empty()
                || said.client.is_some_and(|client| any(&self.clients, |c| same(c, &client))));
        if fine { Ok(()) } else { Err(Refusal::of("post.unauthorized")) }
    }

    /// Whether the body is signed by one of the keys, and lately.
    pub(super) fn body(&self, said: &Said<'_>, body: &[u8], now: Millis) -> Result<(), Refusal> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let right = said.signature.and_then(parse).is_some_and(|(at, tag)| {
            let apart = now.0.div_euclid(1000).abs_diff(at);
            let key = |key: &Vec<u8>| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                hmac::verify(&key, &signed(at, body), &tag).is_ok()
            };
            any(&self.keys, key) && apart <= self.skew.as_secs()
        });
        if right { Ok(()) } else { Err(Refusal::of("post.unauthorized")) }
    }
}

/// Every one is asked, whichever fits.
fn any<T>(all: &[T], fits: impl Fn(&T) -> bool) -> bool {
    all.iter().fold(false, |found, one| fits(one) | found)
}

/// Compares without telling by its time how much is the same: both are hashed under a key of ours.
fn same(right: &[u8], said: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, right);
    hmac::verify(&key, said, hmac::sign(&key, right).as_ref()).is_ok()
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The time and the tag of `t=SECONDS,v1=HEX`.
fn parse(text: &str) -> Option<(i64, Vec<u8>)> {
    let (mut at, mut tag) = (None, None);
    for part in text.split(',') {
        match part.trim().split_once('=')? {
            ("t", seconds) => at = seconds.parse().ok(),
            ("v1", hex) => tag = unhex(hex),
            _ => {}
        }
    }
    Some((at?, tag?))
}

/// Reads hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// What a signature is over: the time, a dot, the body.
fn signed(at: i64, body: &[u8]) -> Vec<u8> {
    [at.to_string().as_bytes(), b".", body].concat()
}

/// Signs a body as [`SIGNATURE`] wants it, also on the way out.
pub fn sign(key: &[u8], at: Millis, body: &[u8]) -> String {
    let at = at.0.div_euclid(1000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, &signed(at, body));
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_123);

    fn auth() -> Auth {
        Auth { skew: Duration::from_secs(300), ..Auth::default() }
    }

    #[test]
    fn each_that_is_set_must_be_there_and_any_of_its_kind_will_do() {
        let token = Said { authorization: Some("bearer new"), ..Said::default() };
        let client = Said { client: Some([7; 32]), ..token };
        let both =
            Auth { tokens: vec!["old".into(), "new".into()], clients: vec![[7; 32]], ..auth() };
        assert!(both.before(&client).is_ok());
        for other in [
            token,
            Said { authorization: Some("Bearer ne"), ..client },
            Said { authorization: Some("Basic new"), ..client },
            Said { authorization: None, ..client },
            Said { client: Some([8; 32]), ..client },
        ] {
            assert_eq!(both.before(&other).unwrap_err().code, "post.unauthorized");
        }
        assert!(auth().before(&client).is_err(), "nothing set lets nobody in");
    }

    #[test]
    fn a_signature_is_of_this_body_and_of_now() {
        let auth = Auth { keys: vec![b"old".to_vec(), b"key".to_vec()], ..auth() };
        let tag = sign(b"key", NOW, b"body");
        let said = Said { signature: Some(&tag), ..Said::default() };
        assert!(auth.before(&said).is_ok() && auth.body(&said, b"body", NOW).is_ok());
        assert!(auth.body(&said, b"body", NOW.plus(300_000)).is_ok());
        assert!(auth.body(&said, b"other", NOW).is_err());
        assert!(auth.body(&said, b"body", NOW.plus(302_000)).is_err());
        assert!(auth.body(&said, b"body", NOW.plus(-302_000)).is_err());
        assert!(auth.before(&Said::default()).is_err());
        for odd in ["", "t=1", "v1=00", "t=x,v1=00", "t=1700000000,v1=0", "t=1700000000,v1=zz"] {
            assert!(auth.body(&Said { signature: Some(odd), ..said }, b"body", NOW).is_err());
        }
        // As `openssl dgst -sha256 -hmac key` signs it.
        assert_eq!(
            sign(b"key", Millis(1_000), b"x"),
            "t=1,v1=fc4913c41a7bf793267e2a384f3261c9436ec2cd097bd745e7b0d99113f510ec"
        );
    }
}
