//! A PKCS#11 token. Its maker's library runs in a process of its own, which this program starts of itself and
//! asks like any signer: a library that hangs or crashes takes nothing with it, and each question has its time.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use envelope::{PublicKey, SignError, Suite};
use serde::{Deserialize, Serialize};

use crate::signer::{Answer, Question};
use crate::text::{Done, Exit, Failure};

/// Longest question, bytes.
pub(crate) const TOKEN_LINE_BYTES_MAX: u64 = 4 << 20;

/// Where a key is; the first line that the process is given.
#[derive(Serialize, Deserialize)]
pub(crate) struct Place {
    /// The maker's library.
    pub(crate) module: PathBuf,
    /// Label of the token.
    pub(crate) token: String,
    /// Label of the key.
    pub(crate) key: String,
    /// The user's PIN.
    pub(crate) pin: String,
}

/// A token that let us in, and the key on it.
pub(crate) struct Token {
    session: Session,
    key: ObjectHandle,
    label: String,
    suite: Suite,
}

/// Answers questions from standard input until it ends: what a `signer` program does, for a token.
pub(crate) fn serve() -> Done {
    let failed = |e: std::io::Error| {
        Failure::environment(format!("the one who asks is gone: {e}"), format!("提问方已断开：{e}"))
    };
    let mut asked = BufReader::new(std::io::stdin().lock());
    let mut out = std::io::stdout().lock();
    let Some(place) = line::<Place>(&mut asked).map_err(failed)? else {
        return Err(Failure::usage(
            "this command is started by the service itself, which tells it the token in its first line",
            "此命令由服务自行启动，首行说明密码设备",
        ));
    };
    let mut opened = None;
    while let Some(question) = line::<Question>(&mut asked).map_err(failed)? {
        let (answer, ends) = answer(&place, &mut opened, &question);
        let mut text = serde_json::to_vec(&answer).unwrap_or_default();
        text.push(b'\n');
        out.write_all(&text).and_then(|()| out.flush()).map_err(failed)?;
        if ends {
            break;
        }
    }
    Ok(Exit::Fine)
}

/// The next line; none at the end, or where it is not in the form.
fn line<T: for<'de> Deserialize<'de>>(from: &mut impl BufRead) -> std::io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(TOKEN_LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line).ok())
}

/// What a question is answered, and whether the process ends after it: the next one then begins anew,
/// with whatever is plugged in by then. A PIN that was refused is never tried twice.
fn answer(
    place: &Place,
    opened: &mut Option<Result<Token, SignError>>,
    question: &Question,
) -> (Answer, bool) {
    let suite = question.algorithm.parse::<Suite>();
    let made = suite.map_err(|_| wrong("token.key_suite", question.algorithm.as_ref())).and_then(
        |suite| {
            let bytes = BASE64.decode(&question.data);
            let bytes = bytes.map_err(|_| wrong("token.failed", "the question is no base64"))?;
            let token = opened.get_or_insert_with(|| Token::open(place, suite));
            token.as_ref().map_err(Clone::clone)?.sign(&bytes)
        },
    );
    match made {
        Ok(signature) => (Answer::signed(question.id, BASE64.encode(signature)), false),
        Err(SignError::Token { code, detail }) => {
            let ends = !matches!(code, "token.pin_refused" | "token.pin_locked");
            (Answer::refused(question.id, code, detail), ends)
        }
        Err(other) => (Answer::refused(question.id, "token.failed", other.to_string()), true),
    }
}

fn wrong(code: &'static str, detail: impl Into<String>) -> SignError {
    SignError::Token { code, detail: detail.into() }
}

/// A device's refusal: the name of its code, not its maker's sentence.
fn refused(what: &str, error: &Error) -> SignError {
    let said = match error {
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        other => other.to_string(),
    };
    wrong("token.failed", format!("{what}: {said}"))
}

impl Token {
    /// Loads the library, finds the token, logs in, finds the key.
    pub(crate) fn open(place: &Place, suite: Suite) -> Result<Self, SignError> {
        let library = library(&place.module)?;
        let slot = slot(&library, &place.token)?;
        let session = library.open_ro_session(slot).map_err(|e| refused("no session", &e))?;
        login(&session, place)?;
        let key = one(&session, place, ObjectClass::PRIVATE_KEY)?;
        let found = session.get_attributes(key, &[AttributeType::KeyType]);
        let found = found.map_err(|e| refused("its key is not described", &e))?;
        let fits = |kind| found.contains(&Attribute::KeyType(kind));
        if !kind(suite).is_some_and(fits) {
            return Err(wrong(
                "token.key_suite",
                format!("`{}` on `{}`, {suite}", place.key, place.token),
            ));
        }
        Ok(Self { session, key, label: place.key.clone(), suite })
    }

    /// Signs, `r‖s` for ECDSA.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let digest;
        // Every token knows ECDSA over a digest; few make the digest themselves.
        let (how, what) = match self.suite {
            Suite::EcdsaP256Sha256 => {
                digest = ring::digest::digest(&ring::digest::SHA256, bytes);
                (Mechanism::Ecdsa, digest.as_ref())
            }
            Suite::RsaSha256 => (Mechanism::Sha256RsaPkcs, bytes),
            Suite::Ed25519Sha256 => {
                (Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)), bytes)
            }
            _ => return Err(wrong("token.key_suite", self.suite.name())),
        };
        self.session.sign(&how, self.key, what).map_err(|e| refused("no signature", &e))
    }

    /// The public half, as the token has it beside the key.
    pub(crate) fn public(&self) -> Result<PublicKey, SignError> {
        let missing = || wrong("token.key_absent", format!("public key `{}`", self.label));
        let template = [
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::Label(self.label.clone().into()),
        ];
        let found = self.session.find_objects(&template);
        let found = found.map_err(|e| refused("its keys are not listed", &e))?;
        let key = *found.first().ok_or_else(missing)?;
        let kinds: &[AttributeType] = match self.suite {
            Suite::RsaSha256 => &[AttributeType::Modulus, AttributeType::PublicExponent],
            _ => &[AttributeType::EcPoint],
        };
        let said = self.session.get_attributes(key, kinds);
        let said = said.map_err(|e| refused("its public key is not described", &e))?;
        let parts: Vec<&[u8]> = said
            .iter()
            .filter_map(|attribute| match attribute {
                Attribute::EcPoint(bytes)
                | Attribute::Modulus(bytes)
                | Attribute::PublicExponent(bytes) => Some(bytes.as_slice()),
                _ => None,
            })
            .collect();
        PublicKey::of_token(self.suite, &parts).ok_or_else(missing)
    }
}

/// Which sort of key a suite needs.
const fn kind(suite: Suite) -> Option<KeyType> {
    match suite {
        Suite::EcdsaP256Sha256 => Some(KeyType::EC),
        Suite::RsaSha256 => Some(KeyType::RSA),
        Suite::Ed25519Sha256 => Some(KeyType::EC_EDWARDS),
        // PKCS#11 has no SM2; makers' own numbers differ.
        _ => None,
    }
}

fn library(module: &Path) -> Result<Pkcs11, SignError> {
    let unusable = |e: Error| wrong("token.module", format!("{}: {e}", module.display()));
    let library = Pkcs11::new(module).map_err(unusable)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(unusable)?;
    Ok(library)
}

/// The one token of that label, unless a wrong PIN would be its last.
fn slot(library: &Pkcs11, label: &str) -> Result<Slot, SignError> {
    let slots = library.get_slots_with_initialized_token();
    let slots = slots.map_err(|e| refused("its slots are not listed", &e))?;
    let tokens: Vec<_> =
        slots.into_iter().filter_map(|s| library.get_token_info(s).ok().map(|i| (s, i))).collect();
    let mut named = tokens.iter().filter(|(_, info)| info.label().trim_end() == label);
    let Some((slot, info)) = named.next() else {
        let there: Vec<&str> = tokens.iter().map(|(_, i)| i.label().trim_end()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        return Err(wrong("token.absent", format!("`{label}`; there are: {there}")));
    };
    if named.next().is_some() {
        return Err(wrong("token.ambiguous", format!("token `{label}`")));
    }
    if info.user_pin_locked() || info.user_pin_final_try() {
        return Err(wrong("token.pin_locked", format!("token `{label}`")));
    }
    Ok(*slot)
}

fn login(session: &Session, place: &Place) -> Result<(), SignError> {
    let pin = AuthPin::new(place.pin.clone().into_boxed_str());
    match session.login(UserType::User, Some(&pin)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => {
            Err(wrong("token.pin_locked", format!("token `{}`", place.token)))
        }
        Err(Error::Pkcs11(
            code @ (RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::UserPinNotInitialized),
            _,
        )) => Err(wrong("token.pin_refused", format!("token `{}`: {code:?}", place.token))),
        Err(e) => Err(refused("no login", &e)),
    }
}

/// The one object of that sort under the key's label.
fn one(session: &Session, place: &Place, class: ObjectClass) -> Result<ObjectHandle, SignError> {
    let template = [Attribute::Class(class), Attribute::Label(place.key.clone().into())];
    let found = session.find_objects(&template);
    let found = found.map_err(|e| refused("its keys are not listed", &e))?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(wrong("token.key_absent", format!("`{}` on token `{}`", place.key, place.token))),
        _ => Err(wrong("token.ambiguous", format!("key `{}` on `{}`", place.key, place.token))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            module: "/nowhere.so".into(),
            token: "gate".into(),
            key: "sign".into(),
            pin: "2468".into(),
        }
    }

    fn question(id: u64, algorithm: &str) -> Question<'_> {
        let text = format!(
            "{{\"id\":{id},\"algorithm\":\"{algorithm}\",\"user_id\":\"\",\"data\":\"AAAA\"}}\n"
        );
        line(&mut text.as_bytes()).unwrap().unwrap()
    }

    fn said(answer: &Answer) -> serde_json::Value {
        serde_json::to_value(answer).unwrap()
    }

    /// A token counts wrong PINs and locks itself: one try a start.
    #[test]
    fn a_pin_that_was_refused_is_not_tried_again() {
        for code in ["token.pin_refused", "token.pin_locked"] {
            let mut opened = Some(Err(wrong(code, "token `gate`")));
            for id in 1..4 {
                let (answer, ends) =
                    answer(&place(), &mut opened, &question(id, "ecdsa-p256-sha256"));
                let expected =
                    serde_json::json!({ "id": id, "error": "token `gate`", "code": code });
                assert_eq!((said(&answer), ends), (expected, false));
            }
        }
    }

    /// Whatever mends by itself, such as a token that is plugged in again, is looked for anew.
    #[test]
    fn after_anything_else_the_next_question_begins_anew() {
        let (answer, ends) = answer(&place(), &mut None, &question(1, "ecdsa-p256-sha256"));
        assert_eq!((said(&answer)["code"].as_str(), ends), (Some("token.module"), true));
        let (answer, _) = super::answer(&place(), &mut None, &question(2, "sm9"));
        assert_eq!(said(&answer)["code"], "token.key_suite");
        assert!(line::<Question>(&mut &b"no JSON\n"[..]).unwrap().is_none());
    }
}
