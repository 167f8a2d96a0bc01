//! TLS: which backend is used, what it trusts, and which failures are its own.
//!
//! Invariants: no certificate is accepted that is not valid; no rustls provider is installed for
//! the program, which may have one of its own.

use std::error;

use reqwest::ClientBuilder;

use crate::error::{Error, Kind};

/// Certificates that are trusted beside those of the system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots(Vec<Root>);

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
type Root = reqwest::Certificate;
#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
type Root = std::convert::Infallible;

impl Roots {
    /// Checks files of certificates in PEM, each with one or several.
    pub(crate) fn parse(files: &[Vec<u8>]) -> Result<Self, Error> {
        let mut roots = Vec::new();
        for file in files {
            match certificates(file) {
                Some(found) if !found.is_empty() => roots.extend(found),
                found => {
                    let is_none = found.is_some();
                    return Err(Error::new(Kind::Setting {
                        name: "root_certificate",
                        expected: "certificates in PEM, which begin with \
                                   -----BEGIN CERTIFICATE-----",
                        found: if is_none { "none" } else { "one that can't be read" }.to_owned(),
                    }));
                }
            }
        }
        Ok(Self(roots))
    }
}

/// The backend: rustls if it is compiled in, else the system's, else rustls with the program's own
/// provider. Without any there is an error if TLS is `needed`; a client for http alone has a
/// backend as well where there is one, since reqwest would choose, and panic without a provider.
pub(crate) fn set_up(
    client: ClientBuilder,
    roots: &Roots,
    needed: bool,
) -> Result<ClientBuilder, Error> {
    let client = trusting(client, roots, needed);
    if cfg!(feature = "rustls") {
        return Ok(rustls_backend(client));
    }
    if cfg!(feature = "native-tls") {
        return Ok(native_backend(client));
    }
    if cfg!(feature = "rustls-no-provider") {
        return if provider_is_installed() {
            Ok(rustls_backend(client))
        } else {
            Err(Error::new(Kind::Tls(
                "tracing-spike's feature rustls-no-provider needs a rustls provider that the \
                 program has installed with CryptoProvider::install_default() before; found none",
            )))
        };
    }
    if !needed {
        return Ok(client);
    }
    Err(Error::new(Kind::Tls(
        "an https webhook needs one of tracing-spike's features rustls, rustls-no-provider or \
         native-tls; none is enabled in Cargo.toml",
    )))
}

/// Whether this is TLS that could not be agreed on, or a certificate that is not right.
pub(crate) fn is_failure(error: &(dyn error::Error + 'static)) -> bool {
    is_of_rustls(error) || is_of_native_tls(error)
}

/// All certificates of a file; `None` if one can't be read.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
fn certificates(file: &[u8]) -> Option<Vec<Root>> {
    let certificates = Root::from_pem_bundle(file).ok()?;
    are_anchors(file).then_some(certificates)
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
fn certificates(_: &[u8]) -> Option<Vec<Root>> {
    None
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
fn trusting(client: ClientBuilder, roots: &Roots, needed: bool) -> ClientBuilder {
    if needed {
        client.tls_certs_merge(roots.0.iter().cloned())
    } else {
        // To load those of the system would take a while, and fail where there are none.
        client.tls_certs_only([])
    }
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls")))]
fn trusting(client: ClientBuilder, roots: &Roots, _: bool) -> ClientBuilder {
    match roots.0.first() {
        None => client,
        Some(none) => match *none {},
    }
}

/// Whether rustls could verify by the certificates of a file, which reqwest tells only later.
#[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
fn are_anchors(file: &[u8]) -> bool {
    use rustls::{
        RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    };
    let mut store = RootCertStore::empty();
    CertificateDer::pem_slice_iter(file)
        .all(|found| found.is_ok_and(|certificate| store.add(certificate).is_ok()))
}

#[cfg(all(feature = "native-tls", not(any(feature = "rustls", feature = "rustls-no-provider"))))]
fn are_anchors(_: &[u8]) -> bool {
    true
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
fn is_of_rustls(error: &(dyn error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider")))]
fn is_of_rustls(_: &(dyn error::Error + 'static)) -> bool {
    false
}

#[cfg(feature = "native-tls")]
fn is_of_native_tls(error: &(dyn error::Error + 'static)) -> bool {
    error.is::<native_tls::Error>()
}

#[cfg(not(feature = "native-tls"))]
fn is_of_native_tls(_: &(dyn error::Error + 'static)) -> bool {
    false
}

#[cfg(any(feature = "rustls", feature = "rustls-no-provider"))]
fn rustls_backend(client: ClientBuilder) -> ClientBuilder {
    client.tls_backend_rustls()
}

#[cfg(not(any(feature = "rustls", feature = "rustls-no-provider")))]
fn rustls_backend(client: ClientBuilder) -> ClientBuilder {
    client
}

#[cfg(feature = "native-tls")]
fn native_backend(client: ClientBuilder) -> ClientBuilder {
    client.tls_backend_native()
}

#[cfg(not(feature = "native-tls"))]
fn native_backend(client: ClientBuilder) -> ClientBuilder {
    client
}

#[cfg(feature = "rustls-no-provider")]
fn provider_is_installed() -> bool {
    rustls::crypto::CryptoProvider::get_default().is_some()
}

#[cfg(not(feature = "rustls-no-provider"))]
fn provider_is_installed() -> bool {
    false
}
