//! Revocation lists taken up while a service runs: their files are looked at now and then, and put in
//! force whole when they changed and all of them are right. Else the lists before stay in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Digest, DigestAlg, Millis};
use envelope::Refuse;
use envelope::limits::CRL_BYTES_MAX;
use exchange::{Node, Progress, WorkError, WorkFuture, Worker};
use store::AuditEvent;

use crate::files;

/// How often the files are read, ms.
const LOOKED_EVERY: i64 = 2_000;

/// The worker.
pub(crate) struct Revocation {
    node: Arc<Node>,
    files: Vec<PathBuf>,
    /// What was read last, taken up or not.
    seen: Option<Digest>,
    next: Millis,
}

impl Revocation {
    /// Watches the lists of a node; they are in force as they are now.
    pub(crate) fn new(node: Arc<Node>, files: &[PathBuf]) -> Self {
        Self { node, files: files.to_vec(), seen: None, next: Millis(0) }
    }

    fn read(&self) -> Result<Vec<Vec<u8>>, WorkError> {
        let one = |path: &PathBuf| {
            let bytes = files::bytes(path, CRL_BYTES_MAX as u64);
            bytes.map_err(|e| lists(path, &e.en))
        };
        self.files.iter().map(one).collect()
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.files.is_empty() || now < self.next {
            return Ok(Progress::IDLE);
        }
        self.next = now.plus(LOOKED_EVERY);
        let read = self.read()?;
        let digests: Vec<Digest> = read.iter().map(|f| DigestAlg::Sha256.of(&[f])).collect();
        let parts: Vec<&[u8]> = digests.iter().map(|d| &d.bytes[..]).collect();
        let seen = DigestAlg::Sha256.of(&parts);
        if self.seen == Some(seen) {
            return Ok(Progress::IDLE);
        }
        let first = self.seen.is_none();
        let taken = self.node.trust.read_lists(&read);
        let (ok, reason) = match &taken {
            Ok(revoked) => (true, format!("{} certificates", revoked.len())),
            Err(e) => (false, e.to_string()),
        };
        // At the start they were read with the configuration; what changes is worth a line.
        if !first || !ok {
            let event = AuditEvent {
                at: now,
                who: "revocation".into(),
                action: "revocation.taken_up".into(),
                subject: seen.to_string(),
                reason,
                ok,
            };
            self.node.store.audit(event).await?;
        }
        self.seen = Some(seen);
        let wrong = |e: Refuse| lists(Path::new("[trust] revocation"), &e.to_string());
        self.node.trust.revoke(taken.map_err(wrong)?);
        Ok(Progress::some(u64::from(!first), false))
    }
}

fn lists(path: &Path, what: &str) -> WorkError {
    WorkError::Revocation { what: format!("{}: {what}", path.display()) }
}

impl Worker for Revocation {
    fn name(&self) -> String {
        "revocation".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
