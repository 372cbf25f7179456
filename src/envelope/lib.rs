//! What two nodes exchange: package, receipt, manifest to bytes and back; suites; certificates.
//!
//! Everything here is a pure function of its arguments: the time, the randomness and the trust
//! anchors are given. The reader is strict: it accepts exactly the bytes that the writer writes
//! (`README.md` beside this file has the layout), so that there is nothing to canonicalize, no DTD,
//! no entity, no comment, and one reading of every signed byte.

pub mod archive;
pub mod authority;
pub mod ca;
pub mod closed;
pub mod control;
pub mod crl;
pub mod csr;
pub mod evidence;
pub mod fragment;
pub mod frame;
pub mod head;
mod head_wire;
pub mod identity;
pub mod keys;
pub mod limits;
pub mod list;
pub mod merkle;
pub mod outcome;
pub mod package;
pub mod refuse;
pub mod sealed;
pub mod signer;
pub mod suite;
pub mod timestamp;
pub mod trust;
mod wire;
mod words;
pub mod xmldsig;

pub use ca::{Ca, Usage};
pub use closed::{
    Cipher, Decrypt, ENCLOSED_LINE_BYTES_MAX, KeyRing, NoKeys, Reader, Readers, clear, close,
    close_again, disclose, is_closed, is_enclosed,
};
pub use crl::Revoked;
pub use csr::{Request, read_request, request};
pub use frame::{frame, open_frame};
pub use head::{By, Confidential, Head, Kind, ReceiptFor, Recipient, Skipped};
pub use identity::{EncryptionCert, SenderCert, validity};
pub use keys::{KeyPem, PublicKey};
pub use list::{sign_text, verify_text};
pub use merkle::{merkle_path, merkle_root, verify_path};
pub use outcome::{Note, Outcome, OutcomeLine, read_outcome, write_outcome};
pub use package::{Opened, assemble, assemble_parts, open, open_clear};
pub use refuse::Refuse;
pub use signer::{Certified, EncryptionPair, KeySigner, SignError, Signer};
pub use suite::{SM2_USER_ID, Suite};
pub use trust::{Trust, check_clock, verify, verify_head};
pub use wire::parse_envelope_id;
pub use xmldsig::sign_head;
