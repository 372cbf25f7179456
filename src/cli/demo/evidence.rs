//! An envelope and its receipt, opened and verified for real, and written as plain XML for stock
//! tools.

use std::path::{Path, PathBuf};

use canon::{Digest, EnvelopeId, Millis};
use envelope::{Head, Outcome, Suite, Trust};
use exchange::Node;

use super::prepare::{Folder, not_written};
use super::show::shell;
use crate::assemble::store_failure;
use crate::text::Failure;

/// Largest package that is opened here, bytes.
const PACKAGE_BYTES_MAX: usize = 64 << 20;

/// An envelope and its receipt as the sender keeps them.
pub(crate) struct Evidence {
    envelope: Vec<u8>,
    /// The envelope with its body in the clear.
    clear: Vec<u8>,
    receipt: Vec<u8>,
}

/// A package that verified.
pub(crate) struct Signed {
    /// Its head.
    pub(crate) head: Head,
    /// Who signed it, by the certificate.
    pub(crate) signer: String,
    /// Digest of the head's bytes: what the signature is over.
    pub(crate) digest: Digest,
    /// Leaf digest of each fragment.
    pub(crate) leaves: Vec<Digest>,
}

/// What a receipt says of one record.
pub(crate) struct Answer {
    /// The receipt.
    pub(crate) signed: Signed,
    /// Whether it names this very envelope by id, head digest and root.
    pub(crate) of_this: bool,
    /// Outcome of the record.
    pub(crate) outcome: Option<Outcome>,
}

impl Evidence {
    /// Reads both from the sender's store; none while there is no receipt.
    pub(crate) async fn read(node: &Node, id: &EnvelopeId) -> Result<Option<Self>, Failure> {
        let frames = node.store.frames(id).await.map_err(store_failure)?;
        let Some(frames) = frames else { return Ok(None) };
        let Some(receipt) = frames.receipt else { return Ok(None) };
        let (envelope, receipt) = (opened_frame(&frames.frame)?, opened_frame(&receipt)?);
        let clear = node.clear(&envelope).map_err(|e| refused(&e))?.into_owned();
        Ok(Some(Self { envelope, clear, receipt }))
    }

    /// Verifies the envelope.
    pub(crate) fn envelope(&self, trust: &Trust, at: Millis) -> Result<Signed, Failure> {
        signed(&self.clear, trust, at)
    }

    /// Verifies the receipt, and that it answers this envelope; `record` is the digest of one record.
    pub(crate) fn receipt(
        &self,
        envelope: &Signed,
        record: &Digest,
        trust: &Trust,
        at: Millis,
    ) -> Result<Answer, Failure> {
        let signed = signed(&self.receipt, trust, at)?;
        let of_this = answers(&signed, envelope);
        let position = envelope.leaves.iter().position(|leaf| leaf == record);
        let opened = envelope::open(&self.receipt).map_err(|e| refused(&e))?;
        let line = position
            .and_then(|at| opened.fragments.get(at))
            .and_then(|fragment| envelope::read_outcome(fragment).ok());
        let outcome = line.filter(|l| Some(l.position as usize) == position).map(|l| l.outcome);
        Ok(Answer { signed, of_this, outcome })
    }

    /// Whether both verify and the receipt answers this very envelope.
    pub(crate) fn holds(&self, trust: &Trust, at: Millis) -> bool {
        let (envelope, receipt) =
            (signed(&self.clear, trust, at), signed(&self.receipt, trust, at));
        matches!((envelope, receipt), (Ok(e), Ok(r)) if answers(&r, &e))
    }

    /// Writes both, and the root certificate, as files for stock tools.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), Failure> {
        let to = folder.evidence();
        std::fs::create_dir_all(&to).map_err(|e| not_written(&to, &e))?;
        let put = |path: PathBuf, bytes: &[u8]| {
            std::fs::write(&path, bytes).map_err(|e| not_written(&path, &e))
        };
        put(to.join("envelope.xml"), &self.envelope)?;
        put(to.join("receipt.xml"), &self.receipt)?;
        let ca = folder.ca();
        let pem = std::fs::read(&ca).map_err(|e| crate::files::cannot(&ca, &e))?;
        let text = String::from_utf8_lossy(&self.envelope);
        let known = [Suite::EcdsaP256Sha256, Suite::RsaSha256];
        if !known.iter().any(|suite| text.contains(suite.signature_uri())) {
            put(to.join(CHECK_NAME), CHECK.as_bytes())?;
        }
        put(to.join("ca.pem"), &pem)
    }
}

/// Verifies what xmlsec1 does not know, with OpenSSL alone.
const CHECK: &str = include_str!("check.sh");
/// Its name beside the files.
const CHECK_NAME: &str = "check.sh";

/// The line that lets stock tools verify a file: Debian's xmlsec1, or OpenSSL where that does not know
/// the suite.
pub(crate) fn stock_line(folder: &Path, file: &str) -> String {
    let at = |name: &str| shell(&folder.join(name));
    if folder.join(CHECK_NAME).exists() {
        return format!("sh {} {}", at(CHECK_NAME), at(file));
    }
    format!(
        "xmlsec1 --verify --id-attr:Id urn:tiergate:envelope:1:Head --trusted-pem {} {}",
        at("ca.pem"),
        at(file)
    )
}

/// The package of a frame.
pub(super) fn opened_frame(frame: &[u8]) -> Result<Vec<u8>, Failure> {
    envelope::open_frame(frame, PACKAGE_BYTES_MAX).map_err(|e| refused(&e))
}

/// Whether a receipt names this very envelope by id, head digest and root.
fn answers(receipt: &Signed, envelope: &Signed) -> bool {
    receipt.head.answers.as_ref().is_some_and(|a| {
        a.envelope == envelope.head.id()
            && a.head == envelope.digest
            && a.root == envelope.head.root
    })
}

fn signed(package: &[u8], trust: &Trust, at: Millis) -> Result<Signed, Failure> {
    let opened = envelope::open_clear(package).map_err(|e| refused(&e))?;
    let certificate = envelope::verify(&opened, trust, at).map_err(|e| refused(&e))?;
    Ok(Signed {
        signer: certificate.node.to_string(),
        digest: opened.head_digest(),
        leaves: opened.leaves.clone(),
        head: opened.head,
    })
}

fn refused(e: &envelope::Refuse) -> Failure {
    Failure::environment(
        format!("a kept package does not verify any more: {e}"),
        format!("留存的报文未通过验证：{e}"),
    )
}
