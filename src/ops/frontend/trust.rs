//! Whom the probes believe: the files that a front end names.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::model::Frontend;
use crate::sys::files::{self, FileError};
use crate::sys::http_get::HttpTls;
use crate::sys::http_kept::{Trust, TrustError};

/// Why probes could believe nobody.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file holds nothing of use.
    #[error("probes can't verify servers with {}", ca.display())]
    Unusable {
        /// The CA file.
        ca: PathBuf,
        /// Why.
        #[source]
        source: TrustError,
    },
}

/// Reads the files that `probe` names.
///
/// # Errors
/// One of them can't be read or used.
pub fn trust(frontend: &Frontend) -> Result<Trust, TrustFileError> {
    let wish = &frontend.probe.trust;
    let unusable = |source| TrustFileError::Unusable {
        ca: wish.ca.clone(),
        source,
    };
    if wish.insecure {
        return Trust::blind().map_err(unusable);
    }
    let ca = files::read(&wish.ca)?;
    let identity = match &wish.identity {
        Some((cert, key)) => Some((files::read(cert)?, Zeroizing::new(files::read(key)?))),
        None => None,
    };
    let identity = identity.as_ref().map(|(cert, key)| (cert.as_slice(), key));
    Trust::new(&HttpTls { ca: &ca, identity }, wish.server_name.as_ref()).map_err(unusable)
}
