//! The listener's certificate, and whose client certificates it believes.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Who the listener is. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Identity {
    /// Its certificate with its chain, PEM.
    pub certificate: Vec<u8>,
    /// Its key, PEM.
    pub key: Vec<u8>,
    /// Authorities of client certificates, PEM; none asks for none.
    pub clients: Option<Vec<u8>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{what} holds no certificate in PEM")),
    }
}

/// The settings of TLS 1.2 and 1.3.
pub(super) fn config(identity: &Identity) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(&identity.certificate, "the listener's certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&identity.key)
        .map_err(|_| "the listener's key is no key in PEM".to_owned())?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match &identity.clients {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem, "client_ca")? {
                roots.add(authority).map_err(|e| format!("client_ca: {e}"))?;
            }
            // Who shows none may still post where an adapter asks for something else.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|e| format!("client_ca: {e}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|_| "the listener's certificate and key do not fit each other".to_owned())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
