//! The keys that sign access tokens.
//!
//! They are files in `<data>/keys/`, readable by their owner only, made once at the first start:
//! `access-0001.pem` and so on. All of them verify, the last one signs; so a new key is added, and
//! the old one taken away when the last token it signed has expired.

use crate::key_files::{KeyError, file_error, make_folder, make_once};
use crate::time::Ids;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use std::path::{Path, PathBuf};

/// A key pair on the curve P-256.
pub(super) struct SigningKey {
    /// The thumbprint of the public key (RFC 7638): names it in tokens.
    pub(super) id: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    jwk: Jwk,
}

/// The keys of a data folder, oldest first; never empty.
pub(super) struct SigningKeys {
    older: Vec<SigningKey>,
    newest: SigningKey,
}

impl SigningKeys {
    /// Reads the keys in `folder`, and makes the first one if there is none.
    pub(super) fn open(folder: &Path, ids: &Ids) -> Result<Self, KeyError> {
        make_folder(folder)?;
        let mut paths = list(folder)?;
        if paths.is_empty() {
            make_once(&folder.join("access-0001.pem"), new_pem(ids)?.as_bytes())?;
            paths = list(folder)?;
        }
        let mut keys = paths
            .iter()
            .map(|path| SigningKey::read(path))
            .collect::<Result<Vec<_>, _>>()?;
        let newest = keys.pop().ok_or_else(|| KeyError::NoKey {
            path: folder.to_owned(),
            why: "the key just made is gone".to_owned(),
        })?;
        Ok(Self {
            older: keys,
            newest,
        })
    }

    pub(super) fn newest(&self) -> &SigningKey {
        &self.newest
    }

    pub(super) fn find(&self, id: &str) -> Option<&SigningKey> {
        self.all().find(|key| key.id == id)
    }

    pub(super) fn jwks(&self) -> JwkSet {
        JwkSet {
            keys: self.all().map(|key| key.jwk.clone()).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.older.iter().chain(std::iter::once(&self.newest))
    }
}

impl SigningKey {
    fn read(path: &Path) -> Result<Self, KeyError> {
        let no_key = |why: String| KeyError::NoKey {
            path: path.to_owned(),
            why,
        };
        let pem = std::fs::read_to_string(path).map_err(|error| file_error(path, error))?;
        // jsonwebtoken reads the key when it first signs; a damaged file shall stop the start.
        p256::SecretKey::from_pkcs8_pem(&pem).map_err(|error| no_key(error.to_string()))?;
        let encoding =
            EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|error| no_key(error.to_string()))?;
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::ES256)
            .map_err(|error| no_key(error.to_string()))?;
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| no_key(error.to_string()))?;
        let id = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|error| no_key(error.to_string()))?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            id,
            encoding,
            decoding,
            jwk,
        })
    }
}

fn new_pem(ids: &Ids) -> Result<p256::pkcs8::der::zeroize::Zeroizing<String>, KeyError> {
    let failed = |why: String| KeyError::NoKey {
        path: PathBuf::from("a new key"),
        why,
    };
    loop {
        // About one in 2^32 draws is no scalar of the curve.
        if let Ok(key) = p256::SecretKey::from_slice(&ids.bytes::<32>()) {
            return key
                .to_pkcs8_pem(LineEnding::LF)
                .map_err(|error| failed(error.to_string()));
        }
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let entries = std::fs::read_dir(folder).map_err(|error| file_error(folder, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file_error(folder, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("access-"))
            && path.extension().is_some_and(|extension| extension == "pem")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
