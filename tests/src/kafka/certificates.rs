//! Certificates for a broker and its clients, of an authority made for the test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Files of one test.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// The file of the authority that both sides believe.
    pub(super) const CA: &'static str = "ca.pem";
    /// The file with the broker's key and certificate.
    pub(super) const SERVER: &'static str = "server.pem";

    pub(super) fn make() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        let (authority, issuer) = authority();
        write(Self::CA, authority);
        let (certificate, key) = signed(&["localhost", "127.0.0.1"], &issuer);
        write(Self::SERVER, format!("{key}{certificate}"));
        let (certificate, key) = signed(&["athena"], &issuer);
        write("client.pem", certificate);
        write("client.key", key);
        write("other-ca.pem", self::authority().0);
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority that signed the broker's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.path(Self::CA)
    }

    /// An authority of the same name that signed nothing.
    #[must_use]
    pub fn other_ca(&self) -> PathBuf {
        self.path("other-ca.pem")
    }

    /// A client's certificate, which the broker believes.
    #[must_use]
    pub fn client(&self) -> PathBuf {
        self.path("client.pem")
    }

    /// Its key.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.path("client.key")
    }
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "an authority of tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), Issuer::new(params, key))
}

fn signed(names: &[&str], issuer: &Issuer<'_, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).expect("names");
    params
        .distinguished_name
        .push(DnType::CommonName, names[0].clone());
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}
