//! Revocation lists (RFC 5280): which certificates no longer stand for anybody, and since when.

use std::collections::HashMap;

use canon::Millis;
use der::{Decode, Encode};
use x509_cert::crl::CertificateList;
use x509_cert::ext::pkix::KeyUsage;

use crate::identity::{Parsed, first_element, millis, pem_block};
use crate::limits::{CRL_BYTES_MAX, CRL_ENTRIES_MAX};
use crate::{Refuse, Suite};

/// The lists in force, read and verified.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    /// By issuer's name and serial number, both as written.
    since: HashMap<(Vec<u8>, Vec<u8>), Millis>,
    /// When the first of the lists should be replaced.
    next: Option<Millis>,
}

impl Revoked {
    /// Since when a certificate is revoked.
    pub(crate) fn since(&self, issuer: &[u8], serial: &[u8]) -> Option<Millis> {
        if self.since.is_empty() {
            return None;
        }
        self.since.get(&(issuer.to_vec(), serial.to_vec())).copied()
    }

    /// How many certificates are named.
    pub fn len(&self) -> usize {
        self.since.len()
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.since.is_empty()
    }

    /// When the first of the lists should have been replaced by a newer one.
    pub const fn next_update(&self) -> Option<Millis> {
        self.next
    }

    /// Adds a list: PEM or DER, signed by one of `anchors`. A list is taken whole or not at all.
    pub(crate) fn add(&mut self, file: &[u8], anchors: &[Parsed]) -> Result<(), Refuse> {
        if file.len() > CRL_BYTES_MAX {
            let (size, max) = (file.len() as u64, CRL_BYTES_MAX as u64);
            return Err(Refuse::TooLarge { what: "revocation list", size, max });
        }
        let text = std::str::from_utf8(file).unwrap_or_default();
        let mut blocks: Vec<_> = pem_block(text, "X509 CRL").collect();
        if blocks.is_empty() {
            blocks.push(file.to_vec());
        }
        let mut with = self.clone();
        for der in &blocks {
            with.add_der(der, anchors)?;
        }
        *self = with;
        Ok(())
    }

    fn add_der(&mut self, der: &[u8], anchors: &[Parsed]) -> Result<(), Refuse> {
        let invalid = |what| Refuse::CertificateInvalid { what };
        let unreadable = |_: der::Error| invalid("a revocation list that cannot be read");
        let list: CertificateList = CertificateList::from_der(der).map_err(unreadable)?;
        let tbs = &list.tbs_cert_list;
        let entries = tbs.revoked_certificates.as_deref().unwrap_or_default();
        if entries.len() > CRL_ENTRIES_MAX {
            let (size, max) = (entries.len() as u64, CRL_ENTRIES_MAX as u64);
            return Err(Refuse::TooLarge { what: "revoked certificates", size, max });
        }
        // A list of part of the certificates, or of another's, says so in a critical extension.
        let own = tbs.crl_extensions.iter().flatten();
        let of_entries = entries.iter().flat_map(|e| e.crl_entry_extensions.iter().flatten());
        if own.chain(of_entries).any(|e| e.critical) {
            return Err(invalid("a partial or indirect revocation list; give the whole one"));
        }
        let issuer = tbs.issuer.to_der().map_err(unreadable)?;
        let suite = Suite::of_signature(&list.signature_algorithm).ok_or(Refuse::SuiteUnknown)?;
        let signed = first_element(der).unwrap_or_default();
        let signature = list.signature.as_bytes().unwrap_or_default();
        let by = |a: &&Parsed| {
            a.subject == issuer
                && a.key.suite() == suite
                && a.extensions.usage.as_ref().is_none_or(KeyUsage::crl_sign)
                && a.key.verifies_certificate(signed, signature)
        };
        if list.signature_algorithm != tbs.signature || !anchors.iter().any(|a| by(&a)) {
            return Err(invalid("a revocation list that no trusted authority signed"));
        }
        for entry in entries {
            let serial = entry.serial_number.as_bytes().to_vec();
            let since = millis(entry.revocation_date);
            let known = self.since.entry((issuer.clone(), serial)).or_insert(since);
            *known = since.min(*known);
        }
        let next = tbs.next_update.map(millis);
        self.next = self.next.into_iter().chain(next).min();
        Ok(())
    }
}
