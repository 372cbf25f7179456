//! From a web service of the configuration to a client: files and secrets are fetched here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use edge::http::{self, Identity, Url};
use exchange::config::{Limits, Remote, SecretRef};

use crate::files::{self, CONFIG_BYTES_MAX};
use crate::open;
use crate::text::Failure;

/// How a client for this service behaves.
///
/// # Errors
/// A certificate or key is not there.
pub(crate) fn settings(remote: &Remote, limits: &Limits) -> Result<http::Settings, Failure> {
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    Ok(http::Settings {
        ca: remote.ca.as_deref().map(pem).transpose()?,
        identity: identity(remote.identity.as_ref())?,
        proxy: remote.proxy.as_deref().map(address).transpose()?,
        connect_timeout: ms(limits.http_connect_timeout),
        read_timeout: ms(limits.http_silence),
        timeout: ms(remote.timeout.unwrap_or(limits.http_timeout)),
        answer_bytes_max: limits.http_answer_bytes_max,
    })
}

/// A certificate of the configuration.
///
/// # Errors
/// It is not there.
pub(crate) fn pem(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(files::text(path, CONFIG_BYTES_MAX)?.into_bytes())
}

/// Our own certificate with its key.
///
/// # Errors
/// One of them is not there.
pub(crate) fn identity(own: Option<&(PathBuf, SecretRef)>) -> Result<Option<Identity>, Failure> {
    let Some((certificate, key)) = own else { return Ok(None) };
    let key = open::secret(key)?.expose().as_bytes().to_vec();
    Ok(Some(Identity { certificate: pem(certificate)?, key }))
}

/// An address of the configuration.
///
/// # Errors
/// It is none.
pub(crate) fn address(text: &str) -> Result<Url, Failure> {
    http::address(text).ok_or_else(|| {
        Failure::usage(
            format!("{text} is not an address such as https://10.1.2.3:8443/api"),
            format!("{text} 不是地址，应形如 https://10.1.2.3:8443/api"),
        )
    })
}
