//! Whom clients believe, and who they are.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// A certificate of our own with its key. `Debug` shows neither.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, with those between it and its authority, PEM.
    pub certificate: Vec<u8>,
    /// Its key, PEM, not encrypted.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// TLS as ring does it: 1.2 and 1.3, names and dates checked, always.
pub(crate) fn config(
    ca: Option<&[u8]>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(ca)?);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match WebPkiServerVerifier::builder_with_provider(roots, provider).build() {
        Ok(verifier) => builder.with_webpki_verifier(verifier),
        // Without a single authority nobody is believed; plain HTTP still goes.
        Err(_) if ca.is_none() => builder.with_root_certificates(RootCertStore::empty()),
        Err(e) => return Err(e.to_string()),
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(own) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(&own.certificate).collect();
            let chain = chain.map_err(|e| format!("the certificate cannot be read: {e}"))?;
            let key = PrivateKeyDer::from_pem_slice(&own.key)
                .map_err(|_| "the certificate's key cannot be read".to_owned())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| format!("the certificate and its key do not fit: {e}"))
        }
    }
}

fn roots(ca: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = ca else {
        // What cannot be read of the system's list is not believed, which is safe.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| format!("the authority cannot be read: {e}"))?;
        roots.add(certificate).map_err(|e| format!("the authority cannot be used: {e}"))?;
    }
    if roots.is_empty() {
        return Err("the authority's file holds no certificate".into());
    }
    Ok(roots)
}
