//! Refresh tokens: opaque, rotating, and stored only as hashes.
//!
//! A token is a session's id, a secret, and a tag. The secret of a successor is a MAC of its
//! predecessor's under a key that lies beside the signing keys: so a phone that lost the answer and
//! sends the old token again gets the same successor, though no token is stored. Neither the
//! database nor the key is enough to make a token that is good.
//!
//! The tag tells a token that was once issued from one that was made up: only the former, used
//! again too late, ends its session. (A session's id is no secret, it is in every access token.)

use crate::paging::to_hex;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const TOKEN_BYTES: usize = 16 + SECRET_BYTES + TAG_BYTES;

/// Makes and reads refresh tokens.
pub(super) struct RefreshTokens {
    key: [u8; 32],
}

/// A token that this server issued at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub(super) session_id: Uuid,
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    /// What is stored of it.
    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::new()
            .chain_update(self.session_id.as_bytes())
            .chain_update(self.secret)
            .finalize()
            .to_vec()
    }
}

impl RefreshTokens {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The first token of a session, from 32 unpredictable bytes.
    pub(super) fn first(session_id: Uuid, secret: [u8; 32]) -> RefreshToken {
        RefreshToken { session_id, secret }
    }

    /// The one token that follows.
    pub(super) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        RefreshToken {
            session_id: token.session_id,
            secret: self.mac(b"successor", token),
        }
    }

    /// Its text: lower-case hexadecimal digits.
    pub(super) fn text(&self, token: &RefreshToken) -> String {
        let mut text = to_hex(token.session_id.as_bytes());
        text.push_str(&to_hex(&token.secret));
        text.push_str(&to_hex(&self.tag(token)));
        text
    }

    /// Reads a token's text; `None` when this server never issued it.
    pub(super) fn read(&self, text: &str) -> Option<RefreshToken> {
        let bytes = from_hex(text)?;
        let (session_id, rest) = bytes.split_first_chunk::<16>()?;
        let (secret, tag) = rest.split_first_chunk::<SECRET_BYTES>()?;
        let token = RefreshToken {
            session_id: Uuid::from_bytes(*session_id),
            secret: *secret,
        };
        let good: bool = subtle::ConstantTimeEq::ct_eq(self.tag(&token).as_slice(), tag).into();
        good.then_some(token)
    }

    fn tag(&self, token: &RefreshToken) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        for (to, from) in tag.iter_mut().zip(self.mac(b"tag", token)) {
            *to = from;
        }
        tag
    }

    fn mac(&self, purpose: &[u8], token: &RefreshToken) -> [u8; 32] {
        let mut key = [0; 64]; // HMAC pads a shorter key with zeros to its block
        for (to, from) in key.iter_mut().zip(self.key) {
            *to = from;
        }
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(purpose);
        mac.update(token.session_id.as_bytes());
        mac.update(&token.secret);
        mac.finalize().into_bytes().into()
    }
}

fn from_hex(text: &str) -> Option<[u8; TOKEN_BYTES]> {
    let text = text.as_bytes();
    if text.len() != TOKEN_BYTES * 2 {
        return None;
    }
    let mut bytes = [0; TOKEN_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value * 16 + char::from(*digit).to_digit(16)?;
        }
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> RefreshTokens {
        RefreshTokens::new([7; 32])
    }

    fn first() -> RefreshToken {
        RefreshTokens::first(Uuid::from_u128(1), [9; 32])
    }

    #[test]
    fn a_token_survives_its_text() {
        let text = tokens().text(&first());
        assert_eq!(tokens().read(&text), Some(first()));
        assert_eq!(tokens().read(&text.to_uppercase()), Some(first()));
    }

    #[test]
    fn the_successor_is_always_the_same_and_needs_the_key() {
        let successor = tokens().successor(&first());
        assert_eq!(successor, tokens().successor(&first()));
        assert_ne!(
            successor,
            RefreshTokens::new([8; 32]).successor(&first()),
            "under another key"
        );
        assert_ne!(successor.hash(), first().hash());
    }

    #[test]
    fn what_was_never_issued_is_not_read() {
        let text = tokens().text(&first());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(
                tokens().read(&String::from_utf8(bytes).unwrap()),
                None,
                "{at}"
            );
        }
        for text in ["", "00", &"é".repeat(64), &"0".repeat(128)] {
            assert_eq!(tokens().read(text), None);
        }
    }
}
